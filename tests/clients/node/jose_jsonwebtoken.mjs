// The npm package jsonwebtoken: compact JWS of JSON or text, and claims. Keys are Node's own.
import { createPrivateKey, createPublicKey, createSecretKey } from "node:crypto";
import jsonwebtoken from "jsonwebtoken";
import { answer, only, packageVersion } from "./jose_lines.mjs";

const imported = (key, secret) =>
  key.kty === "oct" ? createSecretKey(Buffer.from(key.k, "base64url")) : (secret ? createPrivateKey : createPublicKey)({ key, format: "jwk" });

const operations = {
  version: () => ({ version: packageVersion("jsonwebtoken"), runtime: `Node ${process.versions.node.split(".")[0]}` }),

  sign({ alg, key, payload, form }) {
    only(form, "compact");
    return { token: jsonwebtoken.sign(JSON.parse(payload), imported(key, true), { algorithm: alg, noTimestamp: true }) };
  },

  verify({ alg, key, token, form }) {
    only(form, "compact");
    return { payload: JSON.stringify(jsonwebtoken.verify(token, imported(key, false), { algorithms: [alg] })) };
  },

  accept({ kind, token, secret, pem, audience }) {
    if (kind !== "jwt") throw new Error("no JWE");
    jsonwebtoken.verify(token, secret ?? pem, audience ? { audience } : {});
  },
};

await answer(operations, (error) => error instanceof jsonwebtoken.JsonWebTokenError);
