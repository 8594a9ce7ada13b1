// Reads safetensors files with the parser of @huggingface/hub, which knows nothing of viseme:
//   node read_safetensors.js FILE...      one line of JSON for each file: its header
// The parser asks for ranges of a file over HTTP; here `fetch` answers them from the disk.
const fs = require("fs");
const path = require("path");
const { parseSafetensorsMetadata } = require("@huggingface/hub");

function fetchFrom(file) {
  const bytes = fs.readFileSync(file);
  return async (_url, options = {}) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(options.headers).get("range") || "");
    const headers = { etag: '"1"', "accept-ranges": "bytes" };
    if (!range) {
      return new Response(bytes, { headers: { ...headers, "content-length": `${bytes.length}` } });
    }
    const part = bytes.subarray(Number(range[1]), Number(range[2]) + 1);
    return new Response(part, {
      status: 206,
      headers: {
        ...headers,
        "content-length": `${part.length}`,
        "content-range": `bytes ${range[1]}-${Number(range[1]) + part.length - 1}/${bytes.length}`,
      },
    });
  };
}

async function main() {
  for (const file of process.argv.slice(2)) {
    const parsed = await parseSafetensorsMetadata({
      repo: "local/file",
      path: path.basename(file),
      computeParametersCount: true,
      fetch: fetchFrom(file),
    });
    console.log(JSON.stringify(parsed));
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
