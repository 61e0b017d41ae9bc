// Mints tokens with the npm packages jose and jsonwebtoken. Input (stdin): {"library", "alg", "kid", "key" (PEM or secret), "claims"}.
// Output: {"token"}.
import { readFileSync } from "node:fs";
import { createPrivateKey, createSecretKey } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import { SignJWT } from "jose";

const asked = JSON.parse(readFileSync(0, "utf8"));
const key = asked.alg.startsWith("HS") ? createSecretKey(Buffer.from(asked.key)) : createPrivateKey(asked.key);
let token;
if (asked.library === "jose") {
  token = await new SignJWT(asked.claims).setProtectedHeader({ alg: asked.alg, kid: asked.kid, typ: "JWT" }).sign(key);
} else {
  token = jsonwebtoken.sign(asked.claims, asked.alg.startsWith("HS") ? asked.key : key, { algorithm: asked.alg, keyid: asked.kid });
}
console.log(JSON.stringify({ token }));
