// Signs people in at Entra ID: authorization code with PKCE, as a single-page
// application. Tokens live in memory, as long as the page does.
import * as oauth from 'oauth4webapi';

// What has to outlive the way to the sign-in page and back lies here, in
// sessionStorage: nothing that lets anybody in.
const PENDING = 'licensegraph:signIn';
const RENEW_BEFORE = 5 * 60_000; // milliseconds before a token ends

/**
 * Returns who is signed in, and the ways in and out. The page is a window;
 * onChange is called whenever status() has changed.
 */
export function createSession({ authority, clientId, scope }, page) {
  const home = page.location.origin + page.location.pathname;
  const client = { client_id: clientId };
  const issuer = `${authority}/v2.0`;
  const server = {
    issuer,
    authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
    token_endpoint: `${authority}/oauth2/v2.0/token`,
    // An authority for several tenants answers with the person's own.
    [oauth._expectedIssuer]: ({ claims }) =>
      authority.endsWith('/organizations') && /^[0-9a-f-]{36}$/.test(claims.tid)
        ? issuer.replace('/organizations/', `/${claims.tid}/`)
        : issuer,
  };
  const options = { [oauth.allowInsecureRequests]: isLoopback(new URL(authority)) };
  const scopes = `${scope} openid profile offline_access`;

  let status = { person: null, problem: '' };
  let tokens = null;
  let renewing = null;
  let claims = '';
  const listeners = new Set();

  function change(next) {
    status = { ...status, ...next };
    listeners.forEach((listener) => listener());
  }

  function keep(result) {
    tokens = {
      access: result.access_token,
      refresh: result.refresh_token ?? tokens?.refresh,
      ends: Date.now() + (result.expires_in ?? 0) * 1000,
    };
    const known = oauth.getValidatedIdTokenClaims(result);
    if (known) {
      change({ person: known.preferred_username ?? known.name ?? known.sub, problem: '' });
    }
  }

  async function renew() {
    try {
      const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), tokens.refresh, {
        ...options,
        additionalParameters: { scope: scopes },
      });
      keep(await oauth.processRefreshTokenResponse(server, client, response));
    } catch (error) {
      // The old token is good until it ends; without one, it is for the person to sign in.
      if (tokens.ends <= Date.now()) {
        tokens = null;
        change({ person: null, problem: explain(error) });
      }
    } finally {
      renewing = null;
    }
  }

  return {
    status: () => status,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },

    /** Takes up what the sign-in page has sent back with the person, if the person left from here. */
    async resume() {
      const answer = new URLSearchParams(page.location.hash.slice(1));
      const pending = JSON.parse(page.sessionStorage.getItem(PENDING) ?? 'null');
      page.sessionStorage.removeItem(PENDING);
      if (!answer.has('state')) {
        return;
      }
      page.history.replaceState(null, '', home);
      if (!pending) {
        return; // nobody left from here
      }
      try {
        const checked = oauth.validateAuthResponse(server, client, answer, pending.state);
        const response = await oauth.authorizationCodeGrantRequest(
          server,
          client,
          oauth.None(),
          checked,
          home,
          pending.verifier,
          options,
        );
        keep(
          await oauth.processAuthorizationCodeResponse(server, client, response, {
            expectedNonce: pending.nonce,
            requireIdToken: true,
          }),
        );
      } catch (error) {
        change({ problem: explain(error) });
      }
    },

    /** Returns an access token that is good for a while, or nothing. */
    async token() {
      if (tokens?.refresh && tokens.ends - Date.now() < RENEW_BEFORE) {
        renewing ??= renew();
        await renewing;
      }
      return tokens?.access;
    },

    /** Notes that the endpoint wants another token than it got, and which (claims). */
    challenged(header) {
      claims = claimsOf(header);
      change({ problem: claims ? 'More proof is wanted: sign in again.' : 'Sign in again.' });
    },

    /** Leaves for the sign-in page. */
    async signIn(prompt) {
      const verifier = oauth.generateRandomCodeVerifier();
      const pending = { verifier, state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
      page.sessionStorage.setItem(PENDING, JSON.stringify(pending));
      const address = new URL(server.authorization_endpoint);
      const parameters = {
        client_id: clientId,
        response_type: 'code',
        response_mode: 'fragment', // which no server sees
        redirect_uri: home,
        scope: scopes,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        prompt,
        claims,
      };
      for (const [name, value] of Object.entries(parameters)) {
        if (value) {
          address.searchParams.set(name, value);
        }
      }
      page.location.assign(address.href);
    },

    /** Forgets the tokens, and leaves for the page that signs the person out. */
    signOut() {
      tokens = null;
      change({ person: null, problem: '' });
      const address = new URL(`${authority}/oauth2/v2.0/logout`);
      address.searchParams.set('post_logout_redirect_uri', home);
      page.location.assign(address.href);
    },
  };
}

/** Returns the claims of a challenge (Microsoft Learn, "Claims challenges, claims requests and client capabilities"). */
export function claimsOf(header) {
  const encoded = /\bclaims="([A-Za-z0-9+/=_-]+)"/.exec(header ?? '')?.[1] ?? '';
  try {
    const text = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
    return JSON.parse(text) && text;
  } catch {
    return '';
  }
}

function isLoopback({ protocol, hostname }) {
  return protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
}

/** What the sign-in service says of a failure, without its trace. */
function explain(error) {
  return `Signing in failed: ${String(error.error_description ?? error.message).split(/ Trace ID|\r|\n/)[0]}`;
}
