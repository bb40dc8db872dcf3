package notice

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

var sample = Notice{Subject: "Portal acme needs attention", Body: "a <b> & c\nWhat to do: nothing"}

// secretPart is what must be in no error.
const secretPart = "T0-canary-B0"

func TestSlack(t *testing.T) {
	t.Parallel()
	var got string
	answer := http.StatusOK
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var doc struct{ Text string }
		if err := json.Unmarshal(body, &doc); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/services/"+secretPart {
			t.Errorf("%s %s %s: %v", r.Method, r.URL, body, err)
		}
		got = doc.Text
		if answer == http.StatusFound {
			w.Header().Set("Location", "https://elsewhere.example/")
		}
		w.WriteHeader(answer)
		_, _ = io.WriteString(w, "no_service "+secretPart)
	}))
	defer s.Close()
	address := s.URL + "/services/" + secretPart
	slack := Slack{URL: func() (string, error) { return address, nil }, Transport: s.Client().Transport}
	if err := slack.Deliver(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	if want := "*Portal acme needs attention*\na &lt;b&gt; &amp; c\nWhat to do: nothing"; got != want {
		t.Errorf("posted %q, want %q", got, want)
	}
	for _, answer = range []int{http.StatusFound, http.StatusNotFound, http.StatusInternalServerError} {
		check(t, slack.Deliver(t.Context(), sample), fmt.Sprint(answer))
	}
	s.Close()
	check(t, slack.Deliver(t.Context(), sample), "could not be reached")
	for _, bad := range []string{"", "http://hooks.example/" + secretPart, "ftp://" + secretPart, "https://", "://" + secretPart, secretPart} {
		address = bad
		check(t, slack.Deliver(t.Context(), sample), "no https URL")
	}
	none := errors.New("secret file slack-url: no such file")
	if err := (Slack{URL: func() (string, error) { return "", none }}).Deliver(t.Context(), sample); !errors.Is(err, none) {
		t.Errorf("%v", err)
	}
}

// check checks that a delivery failed, why, and that the error shows no secret.
func check(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secretPart) {
		t.Errorf("got %v, want an error with %q and without the secret", err, want)
	}
}

// A mailServer is an SMTP server for one test.
type mailServer struct {
	net.Listener
	tls      *tls.Config
	starttls bool              // offers it
	answers  map[string]string // to a command instead of the usual

	mu    sync.Mutex
	heard []string // commands and lines of the message
	under bool     // TLS was on when the message came
}

func newMailServer(t *testing.T, immediately bool) *mailServer {
	t.Helper()
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	certified.Close()
	m := &mailServer{tls: &tls.Config{Certificates: certified.TLS.Certificates}, starttls: !immediately, answers: make(map[string]string)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if immediately {
		l = tls.NewListener(l, m.tls)
	}
	m.Listener = l
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(c, immediately)
		}
	}()
	return m
}

func (m *mailServer) serve(c net.Conn, under bool) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewScanner(c)
	say := func(lines string) { _, _ = io.WriteString(c, strings.ReplaceAll(lines, "\n", "\r\n")+"\r\n") }
	say("220 mail.example")
	for in.Scan() {
		line := in.Text()
		m.mu.Lock()
		m.heard = append(m.heard, line)
		m.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if other, ok := m.answers[verb]; ok {
			say(other)
			continue
		}
		switch verb {
		case "EHLO":
			if m.starttls && !under {
				say("250-mail.example\n250-STARTTLS\n250 8BITMIME")
			} else {
				say("250-mail.example\n250-AUTH PLAIN\n250 8BITMIME")
			}
		case "STARTTLS":
			say("220 go on")
			secured := tls.Server(c, m.tls)
			c, under = secured, true
			in = bufio.NewScanner(secured)
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 go on")
			for in.Scan() && in.Text() != "." {
				m.mu.Lock()
				m.heard = append(m.heard, in.Text())
				m.under = under
				m.mu.Unlock()
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailServer) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.heard, "\n")
}

// channel is a channel through the server, as the test's certificate names it.
func (m *mailServer) channel(security string) Mail {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	return Mail{
		Host: "127.0.0.1", Port: m.Addr().(*net.TCPAddr).Port, Security: security, User: "thnks",
		Password: func() (string, error) { return secretPart, nil },
		From:     "thnks@acme.example", To: []string{"ops@acme.example", "bea@acme.example"},
		Roots: certified.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
	}
}

func TestMail(t *testing.T) {
	t.Parallel()
	for _, security := range []string{STARTTLS, TLS} {
		m := newMailServer(t, security == TLS)
		if err := m.channel(security).Deliver(t.Context(), sample); err != nil {
			t.Fatalf("%s: %v", security, err)
		}
		for _, want := range []string{
			"MAIL FROM:<thnks@acme.example>", "RCPT TO:<ops@acme.example>", "RCPT TO:<bea@acme.example>", "AUTH PLAIN",
			"Subject: [thnks-hubspot-sync] Portal acme needs attention", "Date: ", "Message-ID: ", "a <b> & c\nWhat to do: nothing",
		} {
			if !strings.Contains(m.all(), want) {
				t.Errorf("%s: the server did not hear %q:\n%s", security, want, m.all())
			}
		}
		if !m.under {
			t.Errorf("%s: the notice came without TLS", security)
		}
	}
}

// TestMailRefused: each failure is said in our words, and no password or notice leaves
// where the connection is not what was asked for.
func TestMailRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*mailServer, *Mail)
		want   string
		silent bool // neither password nor notice was sent
	}{
		"no STARTTLS":       {func(m *mailServer, _ *Mail) { m.starttls = false }, "does not offer STARTTLS", true},
		"a bad certificate": {func(_ *mailServer, c *Mail) { c.Roots = nil }, "certificate is not valid", true},
		"a bad password":    {func(m *mailServer, _ *Mail) { m.answers["AUTH"] = "535 no " + secretPart }, "does not accept user and password", false},
		"a bad recipient":   {func(m *mailServer, _ *Mail) { m.answers["RCPT"] = "550 no " + secretPart }, "code 550", false},
		"a busy server":     {func(m *mailServer, _ *Mail) { m.answers["MAIL"] = "451 later" }, "code 451", false},
		"no server":         {func(m *mailServer, _ *Mail) { m.Close() }, "dial failed", true},
		"no password": {func(_ *mailServer, c *Mail) {
			c.Password = func() (string, error) { return "", errors.New("secret file smtp-password: no such file") }
		}, "no such file", true},
		"a bad address": {func(_ *mailServer, c *Mail) { c.To = []string{"nobody"} }, "not one that mail can be sent to", true},
	} {
		m := newMailServer(t, false)
		c := m.channel(STARTTLS)
		tt.change(m, &c)
		check(t, c.Deliver(t.Context(), sample), tt.want)
		if heard := m.all(); tt.silent && (strings.Contains(heard, "AUTH") || strings.Contains(heard, "Subject")) {
			t.Errorf("%s: the server heard %s", name, heard)
		}
	}
}

// TestPlainMail: to this machine mail may go without TLS and without a password.
func TestPlainMail(t *testing.T) {
	t.Parallel()
	m := newMailServer(t, false)
	m.starttls = false
	c := m.channel(Plain)
	c.User = ""
	if err := c.Deliver(t.Context(), sample); err != nil {
		t.Fatal(err)
	}
	if heard := m.all(); strings.Contains(heard, "AUTH ") || !strings.Contains(heard, "Subject") {
		t.Errorf("the server heard %s", heard)
	}
}
