// What every package is asked, and from where.
export const { BASE_URL, API_KEY, PNG } = process.env;
export const TOOL = { name: "get_weather", description: "the weather of a city" };
export const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
export const person = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } }, required: ["name", "age"], additionalProperties: false };

// How a package is asked, unless a case says otherwise.
export const usual = (model) => ({ key: API_KEY, timeout: 20000, name: model, stream: false });
