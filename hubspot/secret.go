package hubspot

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is printed instead of a secret.
const redacted = "[redacted]"

// A Secret is a token or a code verifier. It prints as a placeholder: with every
// verb of fmt, in logs and in JSON, and as an unexported field of another value.
// Only [Secret.Reveal] returns the text.
type Secret struct {
	text *string // behind a pointer, because fmt reads unexported strings
}

// SecretOf keeps a text from being printed. The empty text is the zero Secret.
func SecretOf(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether two secrets have the same text.
func (s Secret) Equal(t Secret) bool { return s.Reveal() == t.Reveal() }

// String returns a placeholder.
func (s Secret) String() string { return redacted }

// Format writes a placeholder, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns a placeholder; JSON uses it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
