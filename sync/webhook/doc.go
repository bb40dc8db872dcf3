// Package webhook is the public HTTP side for events: a bounded read, a proof
// of where the request comes from, an event on disk, and only then 200.
//
//	scheme, err := webhook.Standard(secrets...)
//	…
//	hooks, err := webhook.New(webhook.Options{
//		Sources: []webhook.Source{{
//			Portal:  "acme",
//			Dialect: webhook.GiftEvents,
//			Scheme:  scheme,
//			Inbox:   inbox,
//		}},
//		TrustedProxies: proxies,
//		Log:            log,
//	})
//	…
//	err = webhook.Serve(ctx, listener, hooks, proxies, log)
//
// [Hooks] answers everything below /webhooks/. Hand it requests by their
// prefix and not through a [net/http.ServeMux], which redirects paths that are
// not clean.
//
// # Order of checks
//
// Each check costs more than the one before it, and nothing of the body is
// understood before its signature is known to be good:
//
//	405 another method than POST
//	404 no such portal or source
//	413 more than 256 KiB
//	415 anything but application/json, or a content encoding
//	400 or 408 a body that does not arrive, or not within 3 s
//	401 no proof, a wrong one, or one that is more than 300 s off
//	200 the event is in the inbox, or was there already
//	503 the inbox does not take it; Retry-After says when to come again
//
// 429 with Retry-After goes to an address that sends bad signatures or many
// requests at once. It never meets an event whose signature is good, save
// where one address has more than 64 requests half-way in. Which proof an
// endpoint asks for is its [Scheme] alone, whatever headers come.
//
// # Content
//
// A signed body that we cannot make sense of is kept as an event of effect
// [Unknown], with its reason, and answered 200: a sender that gets an error
// repeats it for days, and in the end turns the webhook off.
package webhook
