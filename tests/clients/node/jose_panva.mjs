// The npm package jose.
import * as jose from "jose";
import { answer, only, packageVersion } from "./jose_lines.mjs";

const bytes = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder().decode(data);
const bare = ({ alg, use, key_ops, ...key }) => key;

const operations = {
  version: () => ({ version: packageVersion("jose"), runtime: `Node ${process.versions.node.split(".")[0]}` }),

  async generate({ kty, crv, bits, alg }) {
    const named = { RSA: "RS256", EC: { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" }[crv], OKP: crv === "X25519" ? "ECDH-ES" : crv, AKP: alg, oct: { 128: "A128KW", 192: "A192KW", 256: "HS256", 384: "HS384", 512: "HS512" }[bits] }[kty];
    if (!named) throw new Error(`no such key: ${crv}`);
    if (kty === "oct") return { key: bare(await jose.exportJWK(await jose.generateSecret(named, { extractable: true }))) };
    const { privateKey } = await jose.generateKeyPair(named, { extractable: true, modulusLength: bits, ...(named === "ECDH-ES" && { crv }) });
    return { key: bare(await jose.exportJWK(privateKey)) };
  },

  async sign({ alg, key, payload, form, keys }) {
    only(form, "compact", "flattened", "general", "detached", "unencoded", "unencoded_json");
    const header = { alg, ...(form.startsWith("unencoded") && { b64: false, crit: ["b64"] }) };
    if (form === "general") {
      const message = new jose.GeneralSign(bytes(payload));
      for (const each of keys) message.addSignature(await jose.importJWK(bare(each.key), each.alg)).setProtectedHeader({ alg: each.alg });
      return { token: JSON.stringify(await message.sign()) };
    }
    const imported = await jose.importJWK(bare(key), alg);
    if (form === "compact") return { token: await new jose.CompactSign(bytes(payload)).setProtectedHeader(header).sign(imported) };
    const message = await new jose.FlattenedSign(bytes(payload)).setProtectedHeader(header).sign(imported);
    if (form === "flattened") return { token: JSON.stringify(message) };
    // An unencoded payload is left out, and its bearer puts it where it belongs.
    if (form === "unencoded_json") return { token: JSON.stringify({ ...message, payload }) };
    return { token: `${message.protected}..${message.signature}` };
  },

  async verify({ alg, key, token, form, payload }) {
    only(form, "compact", "flattened", "general", "detached", "unencoded", "unencoded_json");
    const imported = await jose.importJWK(bare(key), alg);
    if (form === "compact") return { payload: text((await jose.compactVerify(token, imported)).payload) };
    if (form === "general") return { payload: text((await jose.generalVerify(JSON.parse(token), imported)).payload) };
    let message;
    if (form === "detached" || form === "unencoded") {
      const [header, , signature] = token.split(".");
      message = { protected: header, signature, payload: form === "detached" ? jose.base64url.encode(payload) : payload };
    } else message = JSON.parse(token);
    const verified = await jose.flattenedVerify(message, imported);
    return { payload: typeof verified.payload === "string" ? verified.payload : text(verified.payload) };
  },

  async encrypt({ alg, enc, key, payload, form, keys, zip, aad }) {
    const shared = { enc, ...(zip && { zip: "DEF" }) };
    if (form === "general") {
      const message = new jose.GeneralEncrypt(bytes(payload)).setProtectedHeader(shared);
      if (aad) message.setAdditionalAuthenticatedData(bytes(aad));
      for (const each of keys) message.addRecipient(await jose.importJWK(bare(each.key), each.alg)).setUnprotectedHeader({ alg: each.alg });
      return { token: JSON.stringify(await message.encrypt()) };
    }
    const imported = await jose.importJWK(bare(key), alg);
    if (form === "compact") return { token: await new jose.CompactEncrypt(bytes(payload)).setProtectedHeader({ alg, ...shared }).encrypt(imported) };
    const message = new jose.FlattenedEncrypt(bytes(payload)).setProtectedHeader({ alg, ...shared });
    if (aad) message.setAdditionalAuthenticatedData(bytes(aad));
    return { token: JSON.stringify(await message.encrypt(imported)) };
  },

  async decrypt({ alg, enc, key, token, form }) {
    const imported = await jose.importJWK(bare(key), alg);
    const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
    if (form === "compact") return { payload: text((await jose.compactDecrypt(token, imported, options)).plaintext) };
    if (form === "flattened") return { payload: text((await jose.flattenedDecrypt(JSON.parse(token), imported, options)).plaintext) };
    return { payload: text((await jose.generalDecrypt(JSON.parse(token), imported, options)).plaintext) };
  },

  async thumbprint({ key }) {
    return { thumbprint: await jose.calculateJwkThumbprint(key) };
  },

  // It wants to be told for which algorithm; the key is the same for each.
  async from_pem({ pem, alg }) {
    const key = await (pem.includes("PRIVATE") ? jose.importPKCS8 : jose.importSPKI)(pem, alg, { extractable: true });
    return { key: bare(await jose.exportJWK(key)) };
  },

  async to_pem({ key, private: secret, alg }) {
    const imported = await jose.importJWK({ ...bare(key), ext: true }, alg, { extractable: true });
    return { pem: await (secret ? jose.exportPKCS8 : jose.exportSPKI)(imported) };
  },

  async accept({ kind, token, key, secret, pem, alg, audience }) {
    const material = key ?? (secret !== undefined ? bytes(secret) : await jose.importSPKI(pem, alg));
    // Its page wants passwords to be asked for by name.
    const options = alg.startsWith("PBES2") ? { keyManagementAlgorithms: [alg] } : {};
    if (kind === "jwe") await jose.compactDecrypt(token, await jose.importJWK(key, alg), options);
    else await jose.jwtVerify(token, material, audience ? { audience } : {});
  },
};

await answer(operations, (error) => error instanceof jose.errors.JOSEError);
