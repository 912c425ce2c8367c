// Package entra is Entra ID, the sign-in service, as a gateway uses it: it checks the tokens that callers present,
// and gets the gateway's own. It knows nothing of GraphQL, and of licenses the errors alone.
package entra
