/** What a process wrote last to its error output, of which everything goes on to ours. */
import type { Readable } from 'node:stream';

const KEPT_CHARACTERS = 16_384;
const LINES = 3;
const CHARACTERS = 400;
/** Garbage collections, headings and stack frames, with which V8 surrounds its reason to end. */
const NOISE = /^(\s*\d+: |-{3,}|<-{2,}|\[\d+:0x)/;

/** @returns gives the last lines that say something, in one; empty where there are none */
export function passedOn(output: Readable): () => string {
  let kept = '';
  output.setEncoding('utf8');
  output.on('data', (text: string) => {
    process.stderr.write(text);
    kept = (kept + text).slice(-KEPT_CHARACTERS);
  });
  return () => {
    const lines = kept.split('\n').filter((line) => line.trim() !== '' && !NOISE.test(line));
    return lines
      .slice(-LINES)
      .map((line) => line.trim())
      .join(' / ')
      .slice(-CHARACTERS);
  };
}
