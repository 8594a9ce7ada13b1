// The ONNX Runtime side of bench/run: runs the exported model whenever a line asks.
//
//   node worker_ort.js MODEL.onnx INPUT THREADS NAME SIZE...
//
// Lines in: "run N", "output FILE", "quit". One line of JSON out for each, and one when ready.
'use strict';
const fs = require('fs');
const readline = require('readline');
const base = peakRssMb();
const ort = require('onnxruntime-node');
const version = require('onnxruntime-node/package.json').version;

function peakRssMb() {
  return Math.round(process.resourceUsage().maxRSS / 102.4) / 10;
}

function answer(values) {
  fs.writeSync(1, JSON.stringify(values) + '\n');
}

async function main() {
  const [model, inputFile, threads, name, ...sizes] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    executionMode: 'sequential',
  });
  const bytes = fs.readFileSync(inputFile);
  const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const feeds = { [name]: new ort.Tensor('float32', data, sizes.map(Number)) };
  const outputName = session.outputNames[0];

  let output = (await session.run(feeds))[outputName];
  answer({ engine: 'ONNX Runtime', version, base_rss_mb: base, info: `node ${process.version}` });

  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, argument] = line.split(' ');
    if (command === 'run') {
      const ms = [];
      const cpuMs = [];
      for (let i = 0; i < Number(argument); i++) {
        const cpuStart = process.cpuUsage();
        const start = process.hrtime.bigint();
        output = (await session.run(feeds))[outputName];
        ms.push(Number(process.hrtime.bigint() - start) / 1e6);
        const used = process.cpuUsage(cpuStart);
        cpuMs.push((used.user + used.system) / 1e3);
      }
      answer({ ms, cpu_ms: cpuMs, peak_rss_mb: peakRssMb() });
    } else if (command === 'output') {
      fs.writeFileSync(argument, Buffer.from(output.data.buffer, output.data.byteOffset,
                                             output.data.byteLength));
      answer({ count: output.data.length });
    } else {
      break;
    }
  }
}

main().catch((error) => {
  process.stderr.write(`worker_ort: ${error.message}\n`);
  process.exitCode = 1;
});
