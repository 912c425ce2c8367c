package emulator

import "licensegraph/internal/emulator/signin"

// SignIn has the credentials of the applications besides the secret, and where the sign-in page sends people back to.
type SignIn = signin.Options

// Federated is an external issuer whose tokens the application can sign in with.
type Federated = signin.Federated

// Password is the password of all people in the tenant. It is no secret.
const Password = signin.Password

// ClientID is the application that can get tokens, with a secret or a
// certificate. It is also an API of its own, see [Emulator.UserToken].
func (e *Emulator) ClientID() string { return e.entra.ClientID() }

// ClientSecret is the secret of that application. It is printed and no secret.
func (e *Emulator) ClientSecret() string { return e.entra.ClientSecret() }

// PublicClientID is the other application: one without a credential, such as
// an application on a person's own machine. It gets tokens for people alone: to Graph, or
// to the first application (the scope access_as_user of api://{ClientID}, unless
// [SignIn] names others).
func (e *Emulator) PublicClientID() string { return e.entra.PublicClientID() }

// Certificate is a certificate of the application with its private key, in PEM
// (PKCS #8). All embedded tenants of a process have the same one.
func (e *Emulator) Certificate() (certificate, key []byte) { return e.entra.Certificate() }

// AssignAppRoles sets the app roles that a person, by object id, or an
// application, by client id, has at the application as an API: the claim roles of
// tokens from now on. Without roles it removes them.
func (e *Emulator) AssignAppRoles(principal string, roles ...string) {
	e.entra.AssignAppRoles(principal, roles...)
}

// RevokeSignInSessions ends all sessions of a person: refresh
// tokens at once, access tokens as Graph does. Those of clients that understand
// claims challenges are refused with one, the others stay good until they end. It
// is false where there is no such person.
func (e *Emulator) RevokeSignInSessions(userID string) bool {
	return e.entra.RevokeSignInSessions(userID)
}

// RotateKeys signs tokens with the next key, which the key set contains before, and adds another next one. The key until
// now stays in the set, and its tokens good, for 30 hours or until the next rotation: two in a row are an emergency.
func (e *Emulator) RotateKeys() { e.entra.RotateKeys() }
