import { runHead, readRunFiles, type RunFiles } from '../../runs/run-files.js';
import { basename, dirname } from 'node:path';

export async function filesOf({ runFolder }: { readonly runFolder: string }): Promise<RunFiles> {
  return readRunFiles(dirname(runFolder), decodeURIComponent(basename(runFolder)));
}

export async function headOf(run: { readonly runFolder: string }) {
  return runHead(await filesOf(run));
}
