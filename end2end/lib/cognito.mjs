// A fake Amazon Cognito user pool with one user and a hosted sign-in page. Its challenges and errors are those of the service.
// It verifies passwords by SRP, written from the protocol's documents without our client's code, and stores only a password
// verifier.
import { createHash, createHmac, createSign, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

const CLIENT = '4h57ik1n9qexample';
const REGION = 'us-east-1';

// RFC 5054, appendix A, 3072 bits.
const N = BigInt(
  '0xFFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6D' +
    'F25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3D' +
    'C2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08' +
    'CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510' +
    '15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E0' +
    '4A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB31' +
    '43DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF',
);
const G = 2n;

function power(base, exponent, modulus) {
  let result = 1n;
  for (base %= modulus; exponent > 0n; exponent >>= 1n, base = (base * base) % modulus) {
    if (exponent & 1n) result = (result * base) % modulus;
  }
  return result;
}

/** The bytes of a positive number in two's complement. */
function bytes(number) {
  let hex = number.toString(16);
  if (hex.length % 2) hex = `0${hex}`;
  return Buffer.from(/^[89a-f]/.test(hex) ? `00${hex}` : hex, 'hex');
}

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();
const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const number = (buffer) => BigInt(`0x${buffer.toString('hex')}`);
const base64url = (value) => Buffer.from(value).toString('base64url');

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** A refusal, with the service's own code and message. */
class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * Starts a pool.
 * @param {{ password?: string, temporary?: boolean, code?: string, lifetimeS?: number, groups?: string[] }} wants
 */
export async function startPool(wants = {}) {
  const { password = 'correct horse 电池', temporary = false, code, lifetimeS = 3_600, groups = [] } = wants;
  const id = `${REGION}_AbC123xyz`;
  const user = { name: 'amy', sub: '5d0f1f5c-0000-4000-8000-000000000001', nickname: '小艾' };
  const salt = randomBytes(16);
  const enrolled = (secret) => {
    const identity = sha256(Buffer.from(`${id.split('_')[1]}${user.sub}:${secret}`));
    return power(G, number(sha256(bytes(number(salt)), identity)), N);
  };
  const pool = {
    id,
    user,
    /** The operations called, in order. */
    calls: [],
    /** All request bodies received. */
    heard: '',
    /** The valid refresh tokens. */
    refresh: new Set(),
    /** Errors for the next call, by operation. */
    instead: {},
    /** The lifetime of its tokens, in seconds. */
    lifetimeS,
    mustChange: temporary,
  };
  let verifier = enrolled(password);
  const attempts = new Map();
  const sessions = new Map();
  const codes = new Map();

  const jwt = (claims) => {
    const message = `${base64url(JSON.stringify({ alg: 'RS256', kid: 'pool-key' }))}.${base64url(JSON.stringify(claims))}`;
    return `${message}.${createSign('RSA-SHA256').update(message).sign(privateKey, 'base64url')}`;
  };

  function tokens(nonce) {
    const now = Math.floor(Date.now() / 1000);
    const issued = { iss: pool.issuer, sub: user.sub, iat: now, exp: now + pool.lifetimeS, auth_time: now };
    const id = { ...issued, aud: CLIENT, token_use: 'id', 'cognito:username': user.sub, nickname: user.nickname, nonce };
    const refresh = randomBytes(24).toString('base64url');
    pool.refresh.add(refresh);
    return {
      IdToken: jwt({ ...id, 'cognito:groups': groups }),
      AccessToken: jwt({ ...issued, client_id: CLIENT, token_use: 'access' }),
      RefreshToken: refresh,
      ExpiresIn: pool.lifetimeS,
      TokenType: 'Bearer',
    };
  }

  /** The next challenge, or the tokens, after the password and after each answer. */
  function advance() {
    const session = randomBytes(12).toString('base64url');
    if (pool.mustChange) {
      sessions.set(session, 'NEW_PASSWORD_REQUIRED');
      const required = JSON.stringify(['userAttributes.email']);
      const parameters = { USER_ID_FOR_SRP: user.sub, requiredAttributes: required, userAttributes: '{}' };
      return { ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: session, ChallengeParameters: parameters };
    }
    if (code && !pool.coded) {
      sessions.set(session, 'SOFTWARE_TOKEN_MFA');
      const parameters = { USER_ID_FOR_SRP: user.sub, FRIENDLY_DEVICE_NAME: '<b>Amy</b> & phone' };
      return { ChallengeName: 'SOFTWARE_TOKEN_MFA', Session: session, ChallengeParameters: parameters };
    }
    return { AuthenticationResult: tokens(), ChallengeParameters: {} };
  }

  const operations = {
    InitiateAuth({ AuthFlow, ClientId, AuthParameters }) {
      if (ClientId !== CLIENT) throw new Refused('ResourceNotFoundException', `User pool client ${ClientId} does not exist.`);
      if (AuthFlow !== 'USER_SRP_AUTH') throw new Refused('InvalidParameterException', 'Auth flow not enabled for this client');
      if (AuthParameters.USERNAME !== user.name) throw new Refused('UserNotFoundException', 'User does not exist.');
      const [a, b] = [BigInt(`0x${AuthParameters.SRP_A}`), number(randomBytes(32))];
      if (a % N === 0n) throw new Refused('InvalidParameterException', 'SRP_A is invalid');
      const k = number(sha256(bytes(N), bytes(G)));
      const attempt = { a, b, big: (k * verifier + power(G, b, N)) % N, block: randomBytes(200) };
      attempts.set(attempt.block.toString('base64'), attempt);
      return {
        ChallengeName: 'PASSWORD_VERIFIER',
        ChallengeParameters: {
          USER_ID_FOR_SRP: user.sub,
          USERNAME: user.sub,
          SALT: number(salt).toString(16),
          SRP_B: attempt.big.toString(16),
          SECRET_BLOCK: attempt.block.toString('base64'),
        },
      };
    },

    RespondToAuthChallenge({ ChallengeName, Session, ChallengeResponses: given }) {
      if (given.USERNAME !== user.sub) throw new Refused('InvalidParameterException', 'another user');
      if (ChallengeName === 'PASSWORD_VERIFIER') {
        const attempt = attempts.get(given.PASSWORD_CLAIM_SECRET_BLOCK);
        attempts.delete(given.PASSWORD_CLAIM_SECRET_BLOCK);
        if (!attempt || !proves(attempt, given)) {
          throw new Refused('NotAuthorizedException', 'Incorrect username or password.');
        }
        pool.coded = false;
        return advance();
      }
      if (sessions.get(Session) !== ChallengeName) {
        throw new Refused('NotAuthorizedException', 'Invalid session for the user, session is expired.');
      }
      if (ChallengeName === 'NEW_PASSWORD_REQUIRED') {
        if (given.NEW_PASSWORD.length < 8) {
          throw new Refused('InvalidPasswordException', 'Password did not conform with policy: Password not long enough');
        }
        if (!given['userAttributes.email']) throw new Refused('InvalidParameterException', 'email is missing');
        verifier = enrolled(given.NEW_PASSWORD);
        pool.mustChange = false;
      } else {
        if (given.SOFTWARE_TOKEN_MFA_CODE !== code) {
          throw new Refused('CodeMismatchException', 'Invalid code received for user');
        }
        pool.coded = true;
      }
      sessions.delete(Session);
      return advance();
    },

    // With rotation: each refresh token is valid once.
    GetTokensFromRefreshToken({ RefreshToken }) {
      if (!pool.refresh.delete(RefreshToken)) throw new Refused('NotAuthorizedException', 'Refresh Token has been revoked');
      return { AuthenticationResult: tokens() };
    },

    RevokeToken({ Token }) {
      pool.refresh.delete(Token);
      return {};
    },

    GlobalSignOut() {
      pool.refresh.clear();
      return {};
    },
  };

  function proves({ a, b, big, block }, { TIMESTAMP, PASSWORD_CLAIM_SIGNATURE }) {
    // The service accepts only claims of the last minutes.
    const age = Math.abs(Date.now() - Date.parse(TIMESTAMP.replace(/UTC (\d+)$/, '$1 UTC')));
    if (!(age < 5 * 60_000)) return false;
    const u = number(sha256(bytes(a), bytes(big)));
    const secret = power(a * power(verifier, u, N), b, N);
    const key = hmac(hmac(bytes(u), bytes(secret)), Buffer.from('Caldera Derived Key\x01')).subarray(0, 16);
    const message = [Buffer.from(id.split('_')[1]), Buffer.from(user.sub), block, Buffer.from(TIMESTAMP)];
    const [right, given] = [hmac(key, ...message), Buffer.from(PASSWORD_CLAIM_SIGNATURE, 'base64')];
    return given.length === right.length && timingSafeEqual(given, right);
  }

  /** The hosted pages: authorization endpoint, token endpoint and keys. */
  const pages = {
    'GET /oauth2/authorize'(query, response) {
      pool.calls.push('authorize');
      const answer = new URL(query.get('redirect_uri'));
      const granted = randomBytes(12).toString('base64url');
      codes.set(granted, Object.fromEntries(query));
      answer.searchParams.set('state', query.get('state'));
      if (pool.turnedBack) answer.searchParams.set('error', 'access_denied');
      else answer.searchParams.set('code', granted);
      response.writeHead(302, { location: answer.href }).end();
    },

    'POST /oauth2/token'(form, response) {
      pool.calls.push('token');
      const wanted = codes.get(form.get('code'));
      codes.delete(form.get('code'));
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
      const refreshed = form.get('grant_type') === 'refresh_token' && pool.refresh.has(form.get('refresh_token'));
      const redeemed =
        wanted && wanted.code_challenge === challenge && wanted.redirect_uri === form.get('redirect_uri') &&
        wanted.client_id === form.get('client_id') && wanted.client_id === CLIENT;
      response.setHeader('content-type', 'application/json');
      if (!refreshed && !redeemed) return response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' }));
      const given = tokens(wanted?.nonce);
      response.end(
        JSON.stringify({
          id_token: given.IdToken,
          access_token: given.AccessToken,
          refresh_token: redeemed ? given.RefreshToken : undefined,
          expires_in: pool.lifetimeS,
          token_type: 'Bearer',
        }),
      );
    },

    'GET /keys'(_, response) {
      const key = { ...publicKey.export({ format: 'jwk' }), kid: 'pool-key', alg: 'RS256', use: 'sig' };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ keys: [key] }));
    },
  };

  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    pool.heard += body;
    // CORS headers as the service sends them.
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', '*, content-type, x-amz-target');
    response.setHeader('access-control-expose-headers', 'date');
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const url = new URL(request.url, pool.origin);
    const page = pages[`${request.method} ${url.pathname}`];
    if (page) return page(request.method === 'GET' ? url.searchParams : new URLSearchParams(body), response);
    const operation = request.headers['x-amz-target']?.split('.')[1];
    pool.calls.push(operation);
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    try {
      const instead = pool.instead[operation];
      delete pool.instead[operation];
      if (instead) throw instead;
      if (!operations[operation]) throw new Refused('UnknownOperationException', '');
      response.end(JSON.stringify(operations[operation](JSON.parse(body))));
    } catch (error) {
      response.writeHead(400).end(JSON.stringify({ __type: error.code ?? 'InternalErrorException', message: error.message }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  pool.origin = `http://127.0.0.1:${server.address().port}`;
  pool.issuer = `https://cognito-idp.${REGION}.amazonaws.com/${id}`;
  pool.refuse = (operation, code, message = '') => {
    pool.instead[operation] = new Refused(code, message);
  };
  pool.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };

  /** A `danmu.toml` that trusts this pool; it also offers the hosted page if `hosted`. */
  pool.settings = ({ hosted = false, password: own = true } = {}) => `
[[identity.issuers]]
issuer = "${pool.issuer}"
title = "Danmu Club"
audience = "${CLIENT}"
jwks_uri = "${pool.origin}/keys"
endpoint = "${pool.origin}/"
password = ${own}
${hosted ? `authorize = "${pool.origin}/oauth2/authorize"\ntoken = "${pool.origin}/oauth2/token"` : ''}

[[rooms]]
id = "demo"
title = "Danmu demo · 弹幕演示"
video = "/sample.mp4"
poster = "/poster.webp"
unsigned = "allow"
`;
  return pool;
}
