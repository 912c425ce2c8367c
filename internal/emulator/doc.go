// Package emulator is the licensing surface of Microsoft Graph as an
// [http.Handler], with a tenant inside it. It is for tests, demonstrations and
// development without a tenant; it is not for production: it has no TLS, its
// secret is printed, and it forgets everything when it stops.
package emulator
