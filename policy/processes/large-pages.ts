/**
 * Environment of a process whose memory comes in large pages where the system gives them on request (Linux with glibc;
 * elsewhere the variable says nothing). In decoding, each token reads all keys and values once, megabytes in pieces of some
 * KiB: with pages of 4 KiB much of that time is spent on finding the pages.
 */
const LARGE_PAGES = ['glibc.malloc.hugetlb=1'];
/**
 * The same, and memory that was freed stays with the process for its next use: to give matrices of a hundred MiB back behind
 * every operator and to get them anew took a fifth of an update's processor time. The few that are larger, such as a head's
 * gradient, go back at once: they took 2.5 GiB more between their uses, and no time was saved (0.5B, 122.6 s and 123.3 s).
 */
const MEMORY_KEPT = [
  ...LARGE_PAGES,
  `glibc.malloc.mmap_threshold=${2 ** 28}`,
  'glibc.malloc.trim_threshold=68719476736',
];

export const withLargePages = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => tuned(env, LARGE_PAGES);
export const withMemoryKept = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => tuned(env, MEMORY_KEPT);

function tuned(env: NodeJS.ProcessEnv, tunables: readonly string[]): NodeJS.ProcessEnv {
  const given = env['GLIBC_TUNABLES'];
  return { ...env, GLIBC_TUNABLES: [...(given ? [given] : []), ...tunables].join(':') };
}
