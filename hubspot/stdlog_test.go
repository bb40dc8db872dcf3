package hubspot

import (
	"bytes"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const canary = "ann.canary@example.com"

// A lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestStandardLog: what a server sends beyond its answer is printed by net/http, and
// not by us.
func TestStandardLog(t *testing.T) {
	out := new(lockedBuffer)
	flags, was := log.Flags(), log.Writer()
	log.SetFlags(0)
	log.SetOutput(StandardLog(slog.New(slog.NewTextHandler(out, nil))))
	defer func() { log.SetFlags(flags); log.SetOutput(was) }()

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 4096))
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		time.Sleep(50 * time.Millisecond)
		fmt.Fprint(conn, "\n"+canary)
		_, _ = conn.Read(make([]byte, 1))
	}()
	c := clientOver(t, nil, func(cfg *Config) { cfg.BaseURL = "http://" + l.Addr().String() })
	if _, err := c.do(t.Context(), request{class: Other, method: http.MethodGet, path: "/x", out: new(someJSON)}); err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if out.String() != "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s := out.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "a server sent more than its answer") || strings.Contains(s, "canary") {
		t.Errorf("logged %q", s)
	}
}

// TestStandardLogLines: any message is one line without its words.
func TestStandardLogLines(t *testing.T) {
	var b bytes.Buffer
	l := log.New(StandardLog(slog.New(slog.NewTextHandler(&b, nil))), "", 0)
	for _, line := range []string{"", canary, "http: panic serving 127.0.0.1:1: " + canary + "\nmore\n", "http: TLS handshake error from " + canary} {
		b.Reset()
		l.Print(line)
		if s := b.String(); strings.Count(s, "\n") != 1 || strings.Contains(s, "canary") || !strings.Contains(s, "level=WARN") {
			t.Errorf("logged %q", s)
		}
	}
}

// TestScopeNames: a scope that does not look like one is not shown, wherever it
// stands, and there is a bound to their number.
func TestScopeNames(t *testing.T) {
	scopes := []string{`"crm.objects.custom.read"`}
	for _, odd := range []string{"Ann Canary", canary, "ann\ncanary", "", strings.Repeat("canary", 11), "<b>canary</b>", "ANN-CANARY"} {
		scopes = append(scopes, fmt.Sprintf("%q", odd))
	}
	for range 1000 {
		scopes = append(scopes, `"crm.more"`)
	}
	list := `{"requiredGranularScopes":[` + strings.Join(scopes, ",") + `]}`
	for name, body := range map[string]string{
		"at the top": `{"category":"MISSING_SCOPES","context":` + list + `}`,
		"in errors":  `{"category":"MISSING_SCOPES","errors":[{"context":` + list + `}]}`,
	} {
		e := answerError(&Call{Status: 403, Method: "GET", Path: "/x"}, http.Header{}, []byte(body))
		if len(e.Details) != 1 || len(e.Details[0].Scopes) > maxScopes || e.Details[0].Scopes[0] != "crm.objects.custom.read" {
			t.Fatalf("%s: %+v", name, e.Details)
		}
		if s := fmt.Sprint(e, e.Details); strings.Contains(strings.ToLower(s), "canary") {
			t.Errorf("%s: %s", name, s)
		}
	}
}

// TestVersionedScopes: of digits, a scope has those of its version alone, which may be
// part of a token anywhere else.
func TestVersionedScopes(t *testing.T) {
	good := []string{"crm.objects.contacts.sensitive.read.v2", "crm.objects.custom.highly_sensitive.read.v2", "crm.objects.custom.read.v10", "oauth"}
	bad := []string{"crm.objects.contacts.read.v123", "crm.objects.contacts.read.2", "crm.v2.read", "v2", ".v2", "pat-na1-canary", "a.V2", "a.v2 ", "a.v2\n", "a.v2.v2", "crm1.read.v2"}
	if got := scopeNames(append(slices.Clone(bad), good...)); !slices.Equal(got, good) {
		t.Errorf("shown are %q", got)
	}
}

// TestNamesInErrors: what HubSpot calls a category, a code or a property is kept only
// if it looks like a name, as classes in log and quarantine are made of these.
func TestNamesInErrors(t *testing.T) {
	const body = `{"category":"` + canary + ` is no","subCategory":"Ann Canary","message":"` + canary + `",
		"errors":[{"code":"` + canary + `","subCategory":"a canary","context":{"propertyName":["` + canary + `"]}}]}`
	e := answerError(&Call{Status: 400, Method: "POST", Path: "/x"}, http.Header{}, []byte(body))
	e.Message = "" // which may hold anything
	if s := fmt.Sprintf("%v %+v %s %s", e, e.Details, e.Category, e.SubCategory); strings.Contains(strings.ToLower(s), "canary") {
		t.Error(s)
	}
}
