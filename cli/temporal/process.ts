import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Command line of a process, '' when there is none: tells whether a process id still means who we think. */
export async function commandOf(pid: number): Promise<string> {
  if (!isAlive(pid)) return '';
  if (process.platform === 'linux') return (await procFile(`${pid}/cmdline`)).replaceAll('\0', ' ');
  return ask(pid, { windows: 'CommandLine', ps: 'command' });
}

/** When a process began, in the system's words, '' where it does not say: never the same for two that had the same id. */
export async function startOf(pid: number): Promise<string> {
  if (process.platform !== 'linux') return ask(pid, { windows: 'CreationDate.Ticks', ps: 'lstart' });
  const stat = await procFile(`${pid}/stat`);
  const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // behind the name, which may hold anything; see proc(5)
  return ticks === undefined ? '' : `${(await procFile('sys/kernel/random/boot_id')).trim()} ${ticks}`;
}

function procFile(name: string): Promise<string> {
  return readFile(`/proc/${name}`, 'utf8').catch(() => '');
}

function ask(pid: number, { windows, ps }: { readonly windows: string; readonly ps: string }): Promise<string> {
  const query = `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").${windows}`;
  const [command, ...args] =
    process.platform === 'win32'
      ? ['powershell', '-NoProfile', '-Command', query]
      : ['ps', '-o', `${ps}=`, '-p', String(pid)];
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }; // the same words for whoever asks
  return promisify(execFile)(command, args, { env }).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  );
}
