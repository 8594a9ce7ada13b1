// The ONNX Runtime side of bench/run: runs the exported model whenever a line asks.
//
//   node worker_ort.js MODEL.onnx THREADS NAME:SIZExSIZE...:FILE...
//
// Lines in: "load", then "run N" and "output FILE". One line of JSON out at the start and for each.
'use strict';
const fs = require('fs');
const readline = require('readline');
const ort = require('onnxruntime-node');
const version = require('onnxruntime-node/package.json').version;

function answer(values) {
  fs.writeSync(1, JSON.stringify(values) + '\n');
}

async function load() {
  const [model, threads, ...inputs] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(model, {
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    executionMode: 'sequential',
  });
  const feeds = {};
  for (const input of inputs) {
    const [name, sizes, ...path] = input.split(':');
    const bytes = fs.readFileSync(path.join(':'));
    const data = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    feeds[name] = new ort.Tensor('float32', data, sizes.split('x').map(Number));
  }
  const outputName = session.outputNames[0];
  return async () => (await session.run(feeds))[outputName];
}

async function main() {
  let run;
  let output;
  answer({ engine: 'ONNX Runtime', version });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, argument] = line.split(' ');
    if (command === 'load') {
      run = await load();
      output = await run();
      answer({ info: `node ${process.version}` });
    } else if (command === 'run') {
      const ms = [];
      const cpuMs = [];
      for (let i = 0; i < Number(argument); i++) {
        const cpuStart = process.cpuUsage();
        const start = process.hrtime.bigint();
        output = await run();
        ms.push(Number(process.hrtime.bigint() - start) / 1e6);
        const used = process.cpuUsage(cpuStart);
        cpuMs.push((used.user + used.system) / 1e3);
      }
      answer({ ms, cpu_ms: cpuMs });
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
