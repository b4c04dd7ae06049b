// Makes the npm compiler look like the native one, as far as py-solc-x and Brownie call it:
//   solc --version
//   solc --standard-json [--allow-paths a,b] [--base-path p]   (JSON on standard input)
"use strict";
const fs = require("fs");
const path = require("path");

const modules = path.join(__dirname, "..", "..", "node_modules");
const commit = "f401782d"; // of solc@0.8.37; a test compares it with what the compiler itself says
const args = process.argv.slice(2);

if (args.includes("--version")) {
  // answered without loading the compiler: Brownie asks once for every contract
  const version = JSON.parse(fs.readFileSync(path.join(modules, "solc", "package.json"), "utf8")).version;
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}+commit.${commit}.Emscripten.clang`);
} else if (args.includes("--compiler-version")) {
  console.log(require(path.join(modules, "solc")).version());
} else if (args.includes("--standard-json")) {
  const at = args.indexOf("--base-path");
  const base = at < 0 ? process.cwd() : args[at + 1];
  const read = (file) => {
    for (const folder of [base, modules]) {
      const full = path.resolve(folder, file);
      if (fs.existsSync(full)) return { contents: fs.readFileSync(full, "utf8") };
    }
    return { error: `${file} not found` };
  };
  const input = fs.readFileSync(0, "utf8");
  process.stdout.write(require(path.join(modules, "solc")).compile(input, { import: read }));
} else {
  console.error(`solc shim: cannot handle ${JSON.stringify(args)}; it knows --version and --standard-json`);
  process.exit(1);
}
