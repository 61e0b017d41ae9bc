// Lets the npm packages jose and jsonwebtoken refuse tokens, and prints what they say. Output: [[library, case, message]].
import { createSecretKey } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import * as jose from "jose";

const secret = "a secret of this test, and of nothing else";
const now = Math.floor(Date.now() / 1000);
const claims = { iss: "https://issuer.example", aud: "orders", sub: "ada", exp: now + 600 };
const sign = (changed, alg = "HS256", key = secret) => jsonwebtoken.sign({ ...claims, ...changed }, key, { algorithm: alg });
const good = sign({});
const said = [];

const first = (name, token, options = {}) => {
  try {
    jsonwebtoken.verify(token, secret, { algorithms: ["HS256"], ...options });
    said.push(["jsonwebtoken (npm)", name, ""]);
  } catch (error) {
    said.push(["jsonwebtoken (npm)", name, `${error.name}: ${error.message}`]);
  }
};
first("expired", sign({ exp: now - 60 }));
first("early", sign({ nbf: now + 600 }));
first("malformed", "not-a-token");
first("absent", undefined);
first("signature", sign({}, "HS256", "another secret, which nobody here knows"));
first("algorithm", sign({}, "HS512"));
first("audience", good, { audience: "billing" });
first("issuer", good, { issuer: "https://other.example" });
first("subject", good, { subject: "eve" });
first("age", sign({ iat: now - 600 }), { maxAge: 60 });

const key = createSecretKey(Buffer.from(secret));
const second = async (name, token, options = {}, keys = key) => {
  try {
    await jose.jwtVerify(token, keys, { algorithms: ["HS256"], ...options });
    said.push(["jose (npm)", name, ""]);
  } catch (error) {
    said.push(["jose (npm)", name, `${error.code}: ${error.message}`]);
  }
};
const pair = await jose.generateKeyPair("ES256", { extractable: true });
const published = jose.createLocalJWKSet({ keys: [{ ...(await jose.exportJWK(pair.publicKey)), kid: "old", alg: "ES256" }] });
const rotated = await new jose.SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "new" }).sign(pair.privateKey);
await second("expired", sign({ exp: now - 60 }));
await second("early", sign({ nbf: now + 600 }));
await second("malformed", "not-a-token");
await second("signature", sign({}, "HS256", "another secret, which nobody here knows"));
await second("algorithm", sign({}, "HS512"));
await second("audience", good, { audience: "billing" });
await second("issuer", good, { issuer: "https://other.example" });
await second("subject", good, { subject: "eve" });
await second("missing", good, { requiredClaims: ["tenant"] });
await second("type", good, { typ: "at+jwt" });
await second("age", sign({ iat: now - 600 }), { maxTokenAge: 60 });
await second("key", rotated, { algorithms: ["ES256"] }, published);
console.log(JSON.stringify(said));
