package simulation

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
)

// address matches what can be nothing but a person's e-mail address.
var address = regexp.MustCompile(`[\pL\pN._+-]@[\pL\pN-]+\.`)

// version matches the versions of modules in the paths of stacks.
var version = regexp.MustCompile(`@v[0-9]+\.[0-9]`)

// quotes reports whether text for an admin, such as a log line, has something in it
// that is private: an address, a token or a key, or the name, phone number
// or message of a gift of the world. What HubSpot and Thnks say in tests has an
// address in it wherever they say anything in words of their own.
func (w *World) quotes(text string) bool {
	text = version.ReplaceAllString(text, "")
	if address.MatchString(text) || strings.Contains(text, w.Portal.Token()) {
		return true
	}
	for _, tx := range w.Thnks.Transactions()[:min(w.Thnks.Len(), 20)] {
		for _, p := range []string{tx.Recipient.LastName, tx.Sender.LastName, tx.Recipient.Phone, tx.Message} {
			if len(p) > 6 && strings.Contains(text, p) {
				return true
			}
		}
	}
	return false
}

// CheckText fails the test if text for an admin quotes what it must not.
func (w *World) CheckText(what, text string) {
	w.T.Helper()
	if w.quotes(text) {
		w.T.Errorf("%s has personal data in it: %s", what, text)
	}
}

// Watched returns a logger that writes to next and fails the test if a line, of any
// level, quotes what it must not.
func (w *World) Watched(next slog.Handler) *slog.Logger {
	check := lineWriter(func(line string) { w.CheckText("a log line", line) })
	return slog.New(watch{next, slog.NewTextHandler(check, &slog.HandlerOptions{Level: slog.LevelDebug})})
}

// A lineWriter is given each line of a log.
type lineWriter func(line string)

func (f lineWriter) Write(p []byte) (int, error) {
	f(string(p))
	return len(p), nil
}

// A watch is a handler beside another, whatever the level of that one.
type watch struct{ next, beside slog.Handler }

func (h watch) Enabled(context.Context, slog.Level) bool { return true }

func (h watch) Handle(ctx context.Context, r slog.Record) error {
	if h.next.Enabled(ctx, r.Level) {
		if err := h.next.Handle(ctx, r.Clone()); err != nil {
			return err
		}
	}
	return h.beside.Handle(ctx, r)
}

func (h watch) WithAttrs(attrs []slog.Attr) slog.Handler {
	return watch{h.next.WithAttrs(attrs), h.beside.WithAttrs(attrs)}
}

func (h watch) WithGroup(name string) slog.Handler {
	return watch{h.next.WithGroup(name), h.beside.WithGroup(name)}
}
