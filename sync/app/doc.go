// Package app is the backend of the HubSpot app: how a portal is connected to
// HubSpot by OAuth 2.0 and disconnected again, and where its tokens are kept.
//
// An admin starts at the command line:
//
//	install := app.NewInstaller(portals, log)
//	link, err := install.Begin("acme") // with a ticket that is good once, for ten minutes
//	...
//	connection, err := install.Wait(ctx, link.Ticket)
//
// and goes on in a browser, which [Installer] serves:
//
//	GET /oauth/install?ticket=T   → HubSpot's page, with a state of 256 bits
//	GET /oauth/callback           ← HubSpot, with that state and a code, or a refusal
//
// The state is good once and bound to the ticket's portal; what is sent with any
// other, or none, has no effect. A grant for another account than the portal's is
// revoked and never stored.
//
// install.go holds tickets and states, callback.go decides on what HubSpot sends,
// page.go is what people see, vault.go keeps the grant sealed in the state file,
// probe.go asks every hour whether it still stands, and disconnect.go ends it.
package app
