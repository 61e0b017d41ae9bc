// The child's side of support/jose/worker.py: reads a request per line, calls the library, answers with a line.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";

export function packageVersion(name) {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url))).version;
}

export async function answer(operations, isOwn) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { op, ...request } = JSON.parse(line);
    let told;
    try {
      if (!operations[op]) throw new Error("the library does not do that");
      told = { ok: true, ...(await operations[op](request)) };
    } catch (error) {
      told = { ok: false, own: isOwn(error), error: `${error?.name}: ${error?.message}`.slice(0, 300) };
    }
    process.stdout.write(JSON.stringify(told) + "\n");
  }
}

export function only(form, ...known) {
  if (!known.includes(form)) throw new Error(`no such form: ${form}`);
}
