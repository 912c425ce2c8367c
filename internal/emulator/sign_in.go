package emulator

import "licensegraph/internal/emulator/signin"

// SignIn contains the credentials of the applications in addition to the
// secret, and the redirect URIs of the sign-in page.
type SignIn = signin.Options

// Federated is a federated identity credential of the application.
type Federated = signin.Federated

// Password is the password of all users in the tenant. It is not confidential.
const Password = signin.Password

// ClientID returns the client ID of the confidential client, which has a
// secret and a certificate. This application is also an API, see
// [Emulator.UserToken].
func (e *Emulator) ClientID() string { return e.entra.ClientID() }

// ClientSecret returns the secret of that application. It is not confidential.
func (e *Emulator) ClientSecret() string { return e.entra.ClientSecret() }

// PublicClientID returns the client ID of the public client, an application
// without credentials, such as a desktop application. It gets only delegated
// tokens: for Graph, or for the confidential client (the scope access_as_user
// of api://{ClientID}, unless [SignIn] defines others).
func (e *Emulator) PublicClientID() string { return e.entra.PublicClientID() }

// Certificate returns a certificate of the application with its private key,
// in PEM (PKCS #8). All embedded tenants of a process have the same one.
func (e *Emulator) Certificate() (certificate, key []byte) { return e.entra.Certificate() }

// AssignAppRoles sets the app roles of a user (object ID) or an application
// (client ID) for the application as an API: the claim roles of new tokens.
// Without roles, it removes them.
func (e *Emulator) AssignAppRoles(principal string, roles ...string) {
	e.entra.AssignAppRoles(principal, roles...)
}

// RevokeSignInSessions revokes the sessions of a user: refresh tokens
// immediately, access tokens as in Graph. A token for a client that
// understands claims challenges is rejected with one; other tokens are valid
// until they expire. It reports whether the user exists.
func (e *Emulator) RevokeSignInSessions(userID string) bool {
	return e.entra.RevokeSignInSessions(userID)
}

// RotateKeys signs new tokens with the next key, which the key set already
// contains, and adds a new next key. The previous key stays in the key set,
// and its tokens stay valid, for 30 hours or until the next rotation. Two
// rotations in a row simulate an emergency.
func (e *Emulator) RotateKeys() { e.entra.RotateKeys() }
