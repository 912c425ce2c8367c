// Package entra verifies the access tokens of callers and gets access tokens for Microsoft Graph from Microsoft Entra
// ID.
package entra
