package hubspot

import (
	"bytes"
	"io"
	"log/slog"
)

// standardLines are what net/http prints through the standard logger, by how they
// begin, and what they mean in our words. What follows in them may be foreign.
var standardLines = []struct{ begins, means string }{
	{"Unsolicited response received on idle HTTP channel", "a server sent more than its answer; its connection was closed"},
	{"http: TLS handshake error", "a TLS handshake failed"},
	{"http: Accept error", "a connection could not be accepted"},
	{"http: panic serving", "a handler panicked"},
	{"http: superfluous response.WriteHeader", "an answer was begun twice"},
	{"http: response.Write", "an answer was written after its end"},
}

// StandardLog returns the output for the standard logger, whose flags must be 0, or
// for a server's ErrorLog. Each line becomes a line of log that says what happened
// and nothing of what others sent, which net/http quotes.
func StandardLog(log *slog.Logger) io.Writer { return standardLog{log} }

type standardLog struct{ log *slog.Logger }

// Write takes one line; it never fails.
func (l standardLog) Write(line []byte) (int, error) {
	what := "a message that is not known, and not shown because it may quote others"
	for _, known := range standardLines {
		if bytes.HasPrefix(line, []byte(known.begins)) {
			what = known.means
		}
	}
	l.log.Warn("message of the standard library", keyReason, what, keyBytes, len(line))
	return len(line), nil
}
