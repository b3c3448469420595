import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import type { Display, RunEvent, Work } from '../events.js';
import { lineOf } from './lines.js';

type Progress = Extract<RunEvent, { event: 'progress' }>;

/** On a terminal: the run as a bar, a bar for each activity at work, and the lines of what is done above them. */
export function liveDisplay(stream: NodeJS.WriteStream): Display {
  const bars = new MultiBar(
    {
      stream,
      format: '{name} {bar} {value}/{total}{note}',
      hideCursor: true,
      autopadding: true,
      emptyOnZero: true,
      barsize: 30,
    },
    Presets.rect,
  );
  const run = bars.create(1, 0, { name: pad('run'), note: '' });
  const ofWork = new Map<string, SingleBar>();

  const update = ({ phase, iteration, iterations, work }: Progress): void => {
    run.setTotal(Math.max(1, iterations));
    run.update(iteration, { name: pad('run'), note: ` iterations · ${phase}` });
    const running = new Set(work.map(({ name }) => name));
    for (const [name, bar] of ofWork) {
      if (running.has(name)) continue;
      bars.remove(bar);
      ofWork.delete(name);
    }
    for (const item of work) {
      const bar = ofWork.get(item.name) ?? bars.create(1, 0, { name: pad(item.name), note: '' });
      ofWork.set(item.name, bar);
      bar.setTotal(Math.max(1, item.total));
      bar.update(item.done, { name: pad(item.name), note: noteOf(item) });
    }
  };

  return {
    show(event) {
      const line = lineOf(event);
      if (line !== undefined) bars.log(`${line}\n`);
      if (event.event === 'progress') update(event);
      bars.update();
    },
    close: () => bars.stop(),
  };
}

function pad(name: string): string {
  return name.padEnd(28);
}

function noteOf({ tokens }: Work): string {
  return tokens > 0 ? ` · ${tokens} tokens` : '';
}
