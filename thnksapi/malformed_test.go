package thnksapi_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"thnks-hubspot-sync/thnksapi"
)

// canary is in every malformed answer, and must be in no text of ours.
const canary = "canary-jane.doe@private.example"

// gzipped compresses a text.
func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text) // to a buffer
	_ = z.Close()
	return b.String()
}

// malformed are answers as they come over the wire; what each must be called.
func malformed() map[string]struct{ answer, problem string } {
	const improper = "no proper HTTP"
	const ok = "HTTP/1.1 200 OK\r\n"
	body := `{"transactions":[{"id":"` + canary + `"`
	z := gzipped(`{"transactions":[{"id":"` + canary + `"}]}`)
	return map[string]struct{ answer, problem string }{
		"no HTTP":              {canary + "\r\n\r\n", improper},
		"status line":          {"HTTP/1.1 " + canary + "\r\n\r\n", improper},
		"status code":          {"HTTP/1.1 2x0 " + canary + "\r\n\r\n", improper},
		"version":              {"HTTP/" + canary + " 200 OK\r\n\r\n", improper},
		"header without colon": {ok + canary + "\r\n\r\n", improper},
		"header name":          {ok + "X " + canary + ": 1\r\n\r\n", improper},
		"folded header":        {ok + " " + canary + "\r\n\r\n", improper},
		"content length":       {ok + "Content-Length: " + canary + "\r\n\r\n", improper},
		"two lengths":          {ok + "Content-Length: 1\r\nContent-Length: 2\r\nX: " + canary + "\r\n\r\nxx", improper},
		"negative length":      {ok + "Content-Length: -5\r\nX: " + canary + "\r\n\r\n", improper},
		"transfer encoding":    {ok + "Transfer-Encoding: " + canary + "\r\n\r\n", improper},
		"chunk size":           {ok + "Transfer-Encoding: chunked\r\n\r\n" + canary + "\r\n", improper},
		"chunk end":            {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n{" + canary + "\r\n", improper},
		"chunk missing":        {ok + "Transfer-Encoding: chunked\r\n\r\n40\r\n" + body, "ended before it did"},
		"trailer":              {ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\n{}\r\n0\r\n" + canary + "\r\n\r\n", improper},
		"header only":          {ok + "X: " + canary, "ended before it did"},
		"nothing":              {"", "ended before it did"},
		"too short":            {ok + "Content-Length: 1000\r\n\r\n" + body, "ended before it did"},
		"endless header":       {ok + "X: " + strings.Repeat(canary, 400_000) + "\r\n\r\n", improper},
		"no gzip":              {ok + "Content-Encoding: gzip\r\n\r\n" + body, "compression is damaged"},
		"half gzip":            {ok + "Content-Encoding: gzip\r\n\r\n" + z[:len(z)/2], "ended before it did"},
		"damaged gzip":         {ok + "Content-Encoding: gzip\r\n\r\n" + z[:12] + canary + z[12:], ""},
		"checksum":             {ok + "Content-Encoding: gzip\r\n\r\n" + z[:len(z)-8] + "12345678", "compression is damaged"},
		"HTML":                 {ok + "Content-Type: text/html\r\n\r\n<html>" + canary, "not JSON"},
		"half JSON":            {ok + "\r\n" + body, "not JSON"},
		"text behind JSON":     {ok + "\r\n{\"transactions\":[]}" + canary, "not JSON"},
		"wrong token":          {ok + "\r\n{\"transactions\":" + canary, "not JSON"},
		"no object":            {ok + "\r\n\"" + canary + "\"", "dialect.items"},
		"no array":             {ok + "\r\n{\"transactions\":\"" + canary + "\"}", "no array"},
		"cursor":               {ok + "\r\n{\"transactions\":[],\"next_cursor\":{\"x\":\"" + canary + "\"}}", "no cursor"},
		"link":                 {ok + "\r\n{\"transactions\":[],\"next_cursor\":\"https://" + canary + "/x\"}", "carries no cursor"},
		"redirect":             {"HTTP/1.1 302 " + canary + "\r\nLocation: https://" + canary + "\r\n\r\n" + canary, "redirect"},
		"redirect nowhere":     {"HTTP/1.1 302 Found\r\nLocation: http://[" + canary + "\r\n\r\n", ""},
		"refusal":              {"HTTP/1.1 418 " + canary + "\r\nX: " + canary + "\r\n\r\n" + canary, "refused"},
		"server error":         {"HTTP/1.1 500 " + canary + "\r\n\r\n" + canary, "Thnks has a problem"},
		"switch":               {"HTTP/1.1 101 " + canary + "\r\nUpgrade: " + canary + "\r\nConnection: upgrade\r\n\r\n" + canary, ""},
		"too long":             {ok + "Content-Length: 19\r\n\r\n{\"transactions\":[]}" + canary, ""},
	}
}

// serveRaw answers each connection's first request with a text, and returns
// its address.
func serveRaw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096)) // the request
				_, _ = io.WriteString(conn, answer)  // the client may have had enough
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestMalformedAnswers: whatever comes over the wire, an error and the log say
// of what class it is, in our words.
func TestMalformedAnswers(t *testing.T) {
	t.Parallel()
	standard := log.Writer()
	log.SetOutput(io.Discard) // net/http's own lines, see the program's logger
	defer log.SetOutput(standard)
	var all sync.WaitGroup
	for name, test := range malformed() {
		all.Go(func() { // they wait between their tries
			var logs bytes.Buffer
			transport := http.DefaultTransport.(*http.Transport).Clone()
			defer transport.CloseIdleConnections()
			c, err := thnksapi.New(thnksapi.Config{
				BaseURL: serveRaw(t, test.answer), Key: testKey, Dialect: thnksapi.DefaultDialect(), Transport: transport,
				Logger: slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			if err != nil {
				t.Error(err)
				return
			}
			_, err = c.Transactions(t.Context(), thnksapi.Query{})
			if err == nil && test.problem != "" {
				t.Errorf("%s: no error", name)
			}
			said := fmt.Sprintf("%v %+v %s", err, err, logs.String())
			for e := err; e != nil; e = unwrap(e) {
				said += e.Error()
			}
			for _, foreign := range []string{canary, "canary", testKey, "malformed", "net/http", "unexpected EOF", "127.0.0.1"} {
				if strings.Contains(said, foreign) {
					t.Errorf("%s: %q is in: %.600s", name, foreign, said)
				}
			}
			if err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: error is %v, want one that says %q", name, err, test.problem)
			}
		})
	}
	all.Wait()
}

func unwrap(err error) error {
	u, ok := err.(interface{ Unwrap() error })
	if !ok {
		return nil
	}
	return u.Unwrap()
}

// TestUnreachable: the classes of failures without an answer.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	plain := serveRaw(t, "HTTP/1.1 400 Bad Request\r\n\r\n")
	// The port of our end of a connection takes none, and no one else gets it meanwhile.
	taken, err := net.Dial("tcp", strings.TrimPrefix(plain, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var all sync.WaitGroup
	for base, problem := range map[string]string{
		"http://" + taken.LocalAddr().String():           "the connection was refused",
		strings.Replace(plain, "http://", "https://", 1): "does not speak TLS",
		"https://canary.invalid":                         "cannot be resolved",
	} {
		all.Go(func() { // they wait between their tries
			c, err := thnksapi.New(thnksapi.Config{BaseURL: base, Key: testKey, Dialect: thnksapi.DefaultDialect()})
			if err != nil {
				t.Error(err)
				return
			}
			_, err = c.Transactions(t.Context(), thnksapi.Query{})
			wantKind(t, err, thnksapi.Transient)
			if err == nil || !strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: %v, want an error that says %q", base, err, problem)
			}
		})
	}
	all.Wait()
}
