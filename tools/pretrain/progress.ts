/** A bar on a terminal, a line now and then elsewhere; the loss as a curve at the end. */
import { performance } from 'node:perf_hooks';
import cliProgress from 'cli-progress';
import plot from 'simple-ascii-chart';
import type { PretrainingSettings } from '../../tasks/pretraining.js';
import { totalSteps } from '../../tasks/pretraining.js';
import type { PretrainingProgress } from './pretrain.js';

const CURVE_POINTS = 64;

export function showProgress(settings: PretrainingSettings): PretrainingProgress {
  const steps = totalSteps(settings);
  const start = performance.now();
  const tokensPerSecond = (tokens: number): string => ((tokens * 1000) / (performance.now() - start)).toFixed(0);
  if (!process.stderr.isTTY) {
    const every = Math.ceil(steps / 40);
    return {
      step(step, loss, tokens) {
        if ((step + 1) % every !== 0 && step + 1 !== steps) return;
        console.log(`step ${step + 1}/${steps} · loss ${loss.toFixed(4)} · ${tokensPerSecond(tokens)} tokens/s`);
      },
      end() {},
    };
  }
  const format = '{bar} {value}/{total} steps · loss {loss} · {speed} tokens/s · {eta_formatted} left';
  const bar = new cliProgress.SingleBar({ format, etaBuffer: 100 }, cliProgress.Presets.shades_classic);
  bar.start(steps, 0, { loss: '-', speed: '-' });
  return {
    step(step, loss, tokens) {
      bar.update(step + 1, { loss: loss.toFixed(4), speed: tokensPerSecond(tokens) });
    },
    end() {
      bar.stop();
    },
  };
}

/** Means of equal stretches of the training. */
export function lossCurve(losses: readonly number[]): string {
  const points = Math.min(CURVE_POINTS, losses.length);
  const curve = Array.from({ length: points }, (_, i): [number, number] => {
    const end = Math.ceil(((i + 1) * losses.length) / points);
    return [end, mean(losses.slice(Math.floor((i * losses.length) / points), end))];
  });
  return plot(curve, { width: CURVE_POINTS, height: 16, title: 'loss (nats per response token) by step' });
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
