/** docs/algorithm.md is the rule book: what it names exists, and what cites it names a section of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../support/process.js';

const CODE = ['algorithm', 'contracts', 'iteration', 'activities', 'services', 'workflows', 'policy', 'tasks', 'runs'];
const book = readFileSync(join(ROOT, 'docs', 'algorithm.md'), 'utf8');
const sections = [...book.matchAll(/^#{2,3} (\d(?:\.\d)?)/gm)].map(([, number]) => number);

function citations(): string[] {
  const files = CODE.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  return files.flatMap((file) =>
    [
      ...readFileSync(join(ROOT, file), 'utf8').matchAll(/algorithm\.md ([\d.]+\d|\d)((?:(?:,| and) [\d.]*\d)*)/g),
    ].flatMap(([, first, more]) =>
      [first, ...more.split(/,| and/).filter(Boolean)].map((number) => `${file}: ${number.trim()}`),
    ),
  );
}

it('has the section that a file cites', () => {
  const cited = citations();
  expect(cited.length).toBeGreaterThan(15);
  expect(cited.filter((one) => !sections.includes(one.split(': ')[1]))).toEqual([]);
});

it('names files and tests that exist', () => {
  const named = [...book.matchAll(/`([\w./-]+\.ts)`/g)].map(([, file]) => file);
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});

it('names topics of `npm run golden`', () => {
  const topics = readFileSync(join(ROOT, 'tools', 'golden', 'topics.ts'), 'utf8');
  const rows = book.split('\n').filter((line) => /^\| \d/.test(line));
  const named = rows.flatMap((row) => row.split('|')[4].trim().split(', ')).filter((topic) => topic !== '–');
  expect(named.filter((topic) => !new RegExp(`^  ${topic}: `, 'm').test(topics))).toEqual([]);
});
