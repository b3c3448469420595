export { training } from './training.js';
export { sampleInitial } from './sample-initial.js';
export { growAndLearn } from './grow-and-learn.js';
export { evaluation } from './evaluation.js';
export { evaluateModel } from './evaluate-model.js';
