/**
 * Environment of a process whose memory comes in large pages where the system gives them on request (Linux with glibc;
 * elsewhere the variable says nothing). In decoding, each token reads all keys and values once, megabytes in pieces of some
 * KiB: with pages of 4 KiB much of that time is spent on finding the pages.
 */
const LARGE_PAGES = 'glibc.malloc.hugetlb=1';

export function withLargePages(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const tunables = env['GLIBC_TUNABLES'];
  return { ...env, GLIBC_TUNABLES: tunables ? `${tunables}:${LARGE_PAGES}` : LARGE_PAGES };
}
