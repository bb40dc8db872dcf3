package notice

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	"github.com/wneessen/go-mail"
)

// The ways to secure the connection to a mail server.
const (
	STARTTLS = "starttls" // begin plain and switch to TLS, which the server must offer
	TLS      = "tls"      // TLS from the beginning
	Plain    = "none"     // to this machine alone
)

// Mail is a channel that sends e-mails through a mail server (SMTP, RFC 5321).
type Mail struct {
	Host     string
	Port     int
	Security string // [STARTTLS], [TLS] or [Plain]
	User     string // "" where the server asks for no password
	// Password reads the password anew for each notice.
	Password func() (string, error)
	From     string
	To       []string
	Roots    *x509.CertPool // whose certificates the server may have; nil for the system's
}

// Deliver implements [Channel].
func (m Mail) Deliver(ctx context.Context, n Notice) error {
	message := mail.NewMsg()
	if err := errors.Join(message.From(m.From), message.To(m.To...)); err != nil {
		return errors.New("notices.smtp: an address is not one that mail can be sent to")
	}
	message.Subject("[thnks-hubspot-sync] " + n.Subject)
	message.SetDate()
	message.SetMessageID()
	message.SetBodyString(mail.TypeTextPlain, n.Body+"\n")
	ctx, end := context.WithTimeout(ctx, deliverTime)
	defer end()
	secured := &tls.Config{ServerName: m.Host, MinVersion: tls.VersionTLS12, RootCAs: m.Roots}
	options := []mail.Option{
		mail.WithPort(m.Port), mail.WithTimeout(deliverTime), mail.WithTLSConfig(secured),
		mail.WithDialContextFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil || m.Security != TLS {
				return conn, err
			}
			under := tls.Client(conn, secured)
			return under, under.HandshakeContext(ctx)
		}),
	}
	switch m.Security {
	case TLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic)) // it is on already
	case Plain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.User != "" {
		password, err := m.Password()
		if err != nil {
			return err
		}
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User), mail.WithPassword(password))
	}
	client, err := mail.NewClient(m.Host, options...)
	if err != nil {
		return fmt.Errorf("notices.smtp: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, message); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err() // which closed the connection
		}
		return fmt.Errorf("the mail server %s:%d did not take the notice: %w", m.Host, m.Port, refusal(err))
	}
	return nil
}

// maxSaid is how much a mail server may say about one notice, in bytes. What it does
// say is some lines of at most 512 bytes, and its certificates.
const maxSaid = 256 << 10

// errSaid says that a mail server said more.
var errSaid = errors.New("it says more than a mail server has to say")

// dial connects to a mail server until ctx ends. The library waits for a server's
// first words without a limit, and for the end of a line, however long.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conversation{Conn: conn, left: maxSaid}
	c.stop = context.AfterFunc(ctx, func() { _ = conn.Close() }) // it is read from no more
	return c, nil
}

// A conversation is a connection of which a bounded number of bytes is read.
type conversation struct {
	net.Conn
	left int
	stop func() bool // nothing closes it any more
}

// Read reads what is allowed.
func (c *conversation) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, errSaid
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// Close closes the connection.
func (c *conversation) Close() error {
	c.stop()
	return c.Conn.Close()
}

// refusal is what went wrong, without the words of the server, which may quote
// addresses.
func refusal(err error) error {
	var code *textproto.Error
	var certificate *tls.CertificateVerificationError
	var send *mail.SendError
	switch {
	case errors.Is(err, errSaid):
		return errSaid
	case errors.As(err, &code) && code.Code == 535:
		return errors.New("it does not accept user and password")
	case errors.As(err, &code):
		return fmt.Errorf("it answered with code %d", code.Code)
	case errors.As(err, &send) && send.ErrorCode() != 0:
		return fmt.Errorf("it answered with code %d", send.ErrorCode())
	case errors.As(err, &certificate):
		return errors.New("its certificate is not valid for that name")
	case strings.Contains(err.Error(), "STARTTLS"): // the library has no name for it
		return errors.New("it does not offer STARTTLS: set notices.smtp.tls to what it offers")
	}
	return withoutAddress(err)
}
