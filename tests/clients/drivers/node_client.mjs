// Drives clients/typescript in Node; its last argument has the address, the key and the options.
import process from "node:process";
import { createInterface } from "node:readline";

const [module, started] = process.argv.slice(-2);
const { Modepulse } = await import(module);
const { url, key, options } = JSON.parse(started);
const losses = {};
const renamed = Object.fromEntries(
  Object.entries(options).map(([name, value]) => [
    name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()),
    value === "raise" ? "throw" : value,
  ]),
);
const client = new Modepulse(url, {
  ...renamed,
  key,
  onLoss: ({ code, count }) => (losses[code] = (losses[code] ?? 0) + count),
});
const ending = new AbortController();
let stream;
const calls = {
  totals: () => client.totals,
  losses: () => losses,
  close: (seconds, logOut) => client.close({ seconds: seconds ?? 5, logOut }),
  flush: (seconds) => client.flush(seconds ?? Infinity),
  listen: (areas) => {
    stream = client.stream(areas, { signal: ending.signal });
  },
  frame: async () => (await stream.next()).value,
};
for await (const line of createInterface({ input: process.stdin })) {
  const [what, ...given] = JSON.parse(line);
  const some = given.map((argument) => argument ?? undefined);
  let done;
  try {
    done = await (calls[what] ? calls[what](...some) : client[what](...some));
  } catch (error) {
    done = `error: ${error.name} ${error.message}`;
  }
  console.log(JSON.stringify(done ?? null));
}
ending.abort();
