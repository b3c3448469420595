/** Prints how many tests passed and how many failed, from vitest's JSON report. A file that did not load is one failure. */
import { readFileSync } from 'node:fs';

/** @typedef {{ status: string, assertionResults: unknown[] }} TestFile */

const text = readFileSync(process.argv[2], 'utf8');
const report = /** @type {{ numPassedTests: number, numFailedTests: number, testResults: TestFile[] }} */ (
  text === '' ? { numPassedTests: 0, numFailedTests: 0, testResults: [] } : JSON.parse(text)
);
const notLoaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
console.log(report.numPassedTests, report.numFailedTests + notLoaded.length);
