/** What an error of the file system means for a store in a folder. */
import { StoreFull, StoreUnreachable, StoreUnwritable } from './artifact-store.js';

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']);
/** A file system that is not mounted, or does not answer. ENOENT comes out only where the store's mark is gone. */
const AWAY = new Set(['ENOENT', 'EIO', 'ESTALE', 'ETIMEDOUT', 'ENOTCONN', 'EHOSTDOWN', 'ENODEV', 'ENXIO', 'EREMOTEIO']);

/** The error itself where it says nothing of the store. */
export function storeError(folder: string, cause: NodeJS.ErrnoException): Error {
  const code = cause.code ?? '';
  if (FULL.has(code)) return new StoreFull(folder, { cause });
  if (UNWRITABLE.has(code)) return new StoreUnwritable(folder, { cause });
  if (AWAY.has(code)) return new StoreUnreachable(folder, { cause });
  return cause;
}
