// Package webhook receives events from outside. It reads a request within
// bounds, verifies where it comes from, puts the event on disk, and only then
// answers 200. It decides nothing about gifts: it turns a body into a
// [store.Event], which a worker applies later.
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
// [Hooks] answers every path below /webhooks/. Do not put it behind a
// [net/http.ServeMux], which redirects paths that are not clean.
//
// # Order of checks
//
// Each check costs more than the one before it, and the body is not parsed
// before its signature is verified:
//
//	405 another method than POST
//	404 no such portal or source
//	413 more than 256 KiB
//	415 another content type than the dialect's, another charset than UTF-8, or a
//	    content encoding
//	400 or 408 a body that does not arrive, or not within 3 s
//	401 no signature or token, a wrong one, or a time more than 300 s off
//	200 the event is in the inbox, or was there already
//	503 the inbox cannot take it, its time needs a zone that is not known yet, or the
//	    client secret that it may be signed with cannot be read; Retry-After says when
//	    to try again
//
// An address that sends many bad signatures gets 429 with Retry-After, and so does
// one that has more than 64 requests under way, for a good one among them. Only the
// endpoint's [Scheme] decides which proof it needs, never the request's headers. The
// log says of a refused signature what is wrong with its form, how far the sender's
// clock is off, and the client's address; the answer says nothing. Every answer but
// 200 closes the connection.
//
// # Content
//
// A dialect is what a kind of sender sends: [GiftEvents] about gifts, and [Thyngs]
// and [ZohoThrive] about what people did in other programs, which is kept and
// listed but changes no gift.
//
// A body with a good signature that cannot be understood is kept as an event of
// effect [store.EffectUnknown], with the reason, and answered 200: a sender
// that gets an error repeats the request for days and finally disables the
// webhook. The reason never quotes the body.
package webhook
