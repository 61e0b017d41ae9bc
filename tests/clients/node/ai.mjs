// Drives the Node packages that PACKAGES names (each a file in `ai/`) against BASE_URL with API_KEY, at each of MODELS, and prints
// what they saw as JSON: package → model → scenario.
const hello = "count the ships in the harbour";
const weather = "the weather in Paris and Oslo";

async function caught(call) {
  try {
    return { heard: await call() };
  } catch (error) {
    const kinds = [error.name];
    for (let kind = error.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) kinds.push(kind.name);
    const headers = error.headers ?? error.rawResponse?.headers;
    return { kinds, status: error.status ?? error.statusCode ?? error.status_code ?? null, retryAfter: headers?.get?.("retry-after") ?? null, message: String(error.message) };
  }
}

async function all(package_, model) {
  const l = package_(model);
  const at = {};
  for (const stream of [false, true]) {
    const when = stream ? "stream" : "whole";
    at[`chat ${when}`] = await caught(() => l.ask([l.user(hello)], { stream }));
    const called = await caught(() => l.ask([l.user(weather)], { stream, ...l.tools }));
    at[`calls ${when}`] = called;
    if (called.heard) at[`results ${when}`] = await caught(() => l.ask([l.user(weather), l.turn(called.heard), l.results(called.heard, ["18 °C", "-3 °C"])].flat(), { stream, ...l.tools }));
    at[`schema ${when}`] = await caught(() => l.ask([l.user("who is there?")], { stream, ...l.schema }));
    at[`image ${when}`] = await caught(() => l.ask([l.seen], { stream }));
    for (const mark of ["429", "500", "529", "too-long", "denied"]) at[`${mark} ${when}`] = await caught(() => l.ask([l.user(`[[${mark}]]`)], { stream }));
  }
  for (const mark of ["broken", "cut"]) at[mark] = await caught(() => l.ask([l.user(`[[${mark}]] one two three four five`)], { stream: true }));
  at.late = await caught(() => l.ask([l.user("[[hang]]")], { timeout: 1000 }));
  at.stranger = await caught(() => l.ask([l.user(hello)], { key: "not-a-token" }));
  at.unknown = await caught(() => l.ask([l.user(hello)], { name: "no-such-model" }));
  if (l.embed) at.embeddings = await caught(() => l.embed(["a", "naïve 🚢"]));
  return at;
}

const seen = {};
for (const name of process.env.PACKAGES.split(",")) {
  const package_ = (await import(`./ai/${name}.mjs`)).default;
  seen[name] = {};
  for (const model of process.env.MODELS.split(",")) seen[name][model] = await all(package_, model);
}
console.log(JSON.stringify(seen));
