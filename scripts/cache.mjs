import envPaths from 'env-paths';

/** Folder for what is fetched once per user: ATTNRL_CACHE, or the system's cache folder. */
export function cacheFolder(/** @type {NodeJS.ProcessEnv} */ env = process.env) {
  return env.ATTNRL_CACHE || envPaths('attnrl', { suffix: '' }).cache;
}
