// A live OpenID provider (oidc-provider) on loopback, whose signing keys can be rotated and removed while it runs.
// Prints {"issuer": …} when it listens. Control: GET /test/token?sub=…&machine=1, POST /test/rotate, POST /test/forget,
// POST /test/down (JWKS answers 500), POST /test/up.
import { createServer } from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const resource = "https://api.example.test";
let keys = [];
let provider, down = false, fetches = 0;

async function newKey(kid) {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: "sig", alg: "ES256" };
}

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

function build() {
  provider = new Provider(issuer, {
    jwks: { keys },
    clients: [{ client_id: "robot", client_secret: "robot-secret-robot-secret-robot!", grant_types: ["client_credentials"], redirect_uris: [], response_types: [], id_token_signed_response_alg: "ES256" }],
    scopes: ["api:read"],
    ttl: { AccessToken: 600, ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: "api:read", audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "ES256", kid: keys[0].kid } } }),
      },
    },
  });
}

async function token(sub) {
  const client = await provider.Client.find("robot");
  const info = { scope: "api:read", audience: resource, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg: "ES256", kid: keys[0].kid } } };
  const access = new provider.AccessToken({ accountId: sub, client, scope: "api:read", grantId: "g" });
  access.resourceServer = new provider.ResourceServer(resource, info);
  return access.save();
}

let counter = 1;
keys = [await newKey("key-1")];
build();

server.on("request", async (req, res) => {
  const url = new URL(req.url, issuer);
  const say = (status, body) => res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  try {
    if (url.pathname === "/test/token") return say(200, { token: await token(url.searchParams.get("sub")), kid: keys[0].kid });
    if (url.pathname === "/test/rotate") {
      // The new key signs from now on; the previous one stays published.
      keys = [await newKey(`key-${++counter}`), ...keys];
      build();
      return say(200, { kid: keys[0].kid });
    }
    if (url.pathname === "/test/forget") {
      keys = keys.slice(0, 1);
      build();
      return say(200, { kids: keys.map((k) => k.kid) });
    }
    if (url.pathname === "/test/down" || url.pathname === "/test/up") {
      down = url.pathname.endsWith("down");
      return say(200, { down });
    }
    if (url.pathname === "/test/fetches") return say(200, { fetches });
    if (url.pathname === "/jwks") {
      fetches += 1;
      if (down) return say(500, {});
    }
    provider.callback()(req, res);
  } catch (error) {
    say(500, { error: String(error.stack) });
  }
});
console.log(JSON.stringify({ issuer, resource }));
