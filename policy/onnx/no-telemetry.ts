/** onnxruntime sends usage data home unless told otherwise before it is loaded; a training run has no business doing so. */
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
