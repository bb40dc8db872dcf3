package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
	giftsync "thnks-hubspot-sync/sync"
	giftportal "thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// An oauthInstallation is a configuration whose portal connects through an app, with
// both vendors behind it.
type oauthInstallation struct {
	t      testing.TB
	dir    string
	config string
	public string // how HubSpot calls it
	portal *hubspottest.Portal
}

const (
	oauthClient = "6f2c7c4e-0000-4000-8000-000000000000"
	oauthSecret = "client-secret-canary-4711"
)

// newOAuthInstallation makes one with 40 gifts, half of whose recipients HubSpot knows.
// links is the portal's setting of associations.
func newOAuthInstallation(t testing.TB, o hubspottest.Options, links string) *oauthInstallation {
	t.Helper()
	return newOAuthInstallationOf(t, o, links, thnksapitest.Data{Seed: 1, N: 40, Recipients: 10}, 0.5)
}

// newOAuthInstallationOf is newOAuthInstallation with these gifts, a share of whose
// recipients HubSpot knows.
func newOAuthInstallationOf(t testing.TB, o hubspottest.Options, links string, data thnksapitest.Data, matched float64) *oauthInstallation {
	t.Helper()
	listen := freeAddress()
	i := &oauthInstallation{t: t, dir: shortDir(t), public: "http://" + listen}
	o.Seed, o.Token = 1, worldToken
	o.App = hubspottest.App{
		ClientID: oauthClient, ClientSecret: oauthSecret, RedirectURI: "http://" + listen + "/oauth/callback",
		Rotation: hubspottest.NewTokenFamily, UninstallEndsAccess: true,
	}
	i.portal = contract.Probed(t, o)
	thnks := thnksapitest.New(thnksapitest.Options{Keys: map[string]string{worldKey: ""}})
	thnks.Add(thnksapitest.Generate(data)...)
	i.portal.Populate(data.Addresses(), hubspottest.Population{Seed: 1, Matched: matched, WithCompany: 1, DealsPer: 1, OpenDeals: 0.8})
	hubspotServer, thnksServer := httptest.NewServer(i.portal), httptest.NewServer(thnks)
	t.Cleanup(hubspotServer.Close)
	t.Cleanup(thnksServer.Close)
	i.config = filepath.Join(i.dir, "config.yaml")
	for name, text := range map[string]string{
		"config.yaml": fmt.Sprintf(`state_dir: state
listen: %[1]s
public_url: http://%[1]s
admin_listen: 127.0.0.1:0
log: {level: debug}
hubspot_apps: [{name: main, app_id: 54321, client_id: %[2]s, client_secret_file: client-secret, authorize_url: %[3]s/oauth/authorize}]
portals:
  - name: acme
    hubspot: {base_url: %[3]q, app: main, account_id: 62515}
    thnks: {base_url: %[4]q, api_key_file: thnks-key}
    associations: %[5]s
`, listen, oauthClient, hubspotServer.URL, thnksServer.URL, links),
		"client-secret": oauthSecret,
		"thnks-key":     worldKey,
		"master-key":    "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n",
	} {
		i.write(name, text)
	}
	return i
}

func (i *oauthInstallation) write(name, text string) {
	i.t.Helper()
	if err := os.WriteFile(filepath.Join(i.dir, name), []byte(text), 0o600); err != nil {
		i.t.Fatal(err)
	}
}

// An output collects what a command prints, while others read it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// A started command is under way.
type started struct {
	out, err output
	stop     context.CancelFunc
	ended    chan status
}

// start starts a command with the installation's configuration.
func (i *oauthInstallation) start(args ...string) *started {
	i.t.Helper()
	ctx, stop := context.WithCancel(i.t.Context())
	c := &started{stop: stop, ended: make(chan status, 1)}
	go func() { c.ended <- run(ctx, append(args, "--config", i.config), &c.out, &c.err) }()
	return c
}

// command runs a command to its end.
func (i *oauthInstallation) command(want status, args ...string) (stdout, stderr string) {
	i.t.Helper()
	c := i.start(args...)
	if got := <-c.ended; got != want {
		i.t.Fatalf("%q ends with %d, want %d:\n%s%s", args, got, want, c.out.String(), c.err.String())
	}
	return c.out.String(), c.err.String()
}

var linkPattern = regexp.MustCompile(`http://\S+/oauth/install\?ticket=\S+`)

// browse follows the link that a command prints, decides on HubSpot's page, and
// returns the last page.
func (i *oauthInstallation) browse(c *started, decision string) (page string) {
	i.t.Helper()
	await(i.t, "there is a link", func() bool { return linkPattern.MatchString(c.out.String() + c.err.String()) })
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(linkPattern.FindString(c.out.String() + c.err.String()))
	if err != nil {
		i.t.Fatal(err)
	}
	res.Body.Close()
	if res, err = client.PostForm(res.Header.Get("Location"), url.Values{"decision": {decision}}); err != nil {
		i.t.Fatal(err)
	}
	res.Body.Close()
	if res, err = client.Get(res.Header.Get("Location")); err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return string(text)
}

// gifts is how many HubSpot has.
func (i *oauthInstallation) gifts() int {
	if _, ok := i.portal.SchemaOf("thnks"); !ok {
		return 0
	}
	return i.portal.Count("thnks")
}

// secretsAreKept fails the test where a secret is in the state file or in a log.
func (i *oauthInstallation) secretsAreKept(printed ...string) {
	i.t.Helper()
	all := strings.Join(printed, "\n")
	file, err := os.ReadFile(filepath.Join(i.dir, "state", "acme.db"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		i.t.Fatal(err)
	}
	for _, secret := range append(i.portal.Tokens(), oauthSecret) {
		if strings.Contains(all, secret) || bytes.Contains(file, []byte(secret)) {
			i.t.Errorf("a secret is printed or stored in clear")
		}
	}
}

// TestConnectWithoutDaemon goes the whole way with one command after the other:
// not connected, refused, connected with a backfill, a new master key,
// disconnected.
func TestConnectWithoutDaemon(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
	if _, said := i.command(failed, "sync"); !strings.Contains(said, "not connected to HubSpot") || !strings.Contains(said, "connect") {
		t.Errorf("before it is connected: %s", said)
	}
	if _, said := i.command(failed, "disconnect"); !strings.Contains(said, "not connected") {
		t.Errorf("disconnect says %s", said)
	}

	c := i.start("connect")
	if page := i.browse(c, "cancel"); !strings.Contains(page, "Not connected") {
		t.Errorf("the page is %s", page)
	}
	if <-c.ended != failed || !strings.Contains(c.err.String(), "refused") {
		t.Errorf("connect says %s", c.err.String())
	}

	c = i.start("connect", "--portal", "acme")
	if page := i.browse(c, "connect"); !strings.Contains(page, "<h1>Connected</h1>") {
		t.Errorf("the page is %s", page)
	}
	if got := <-c.ended; got != done || !strings.Contains(c.out.String(), "connected to HubSpot account 62515") || !strings.Contains(c.out.String(), "backfill done") || i.gifts() != 40 {
		t.Errorf("connect ends with %d and %d gifts:\n%s%s", got, i.gifts(), c.out.String(), c.err.String())
	}
	i.secretsAreKept(c.err.String(), strings.ReplaceAll(c.out.String(), "ticket=", ""))

	out, _ := i.command(done, "check")
	if !strings.Contains(out, "accepted; it belongs to account 62515") || !strings.Contains(out, "all that the sync needs") {
		t.Errorf("check says\n%s", out)
	}

	old, err := os.ReadFile(filepath.Join(i.dir, "master-key"))
	if err != nil {
		t.Fatal(err)
	}
	out, _ = i.command(done, "key", "rotate")
	fresh, err := os.ReadFile(filepath.Join(i.dir, "master-key"))
	if err != nil || bytes.Equal(old, fresh) || !strings.Contains(out, "1 portal") {
		t.Errorf("%v, and key rotate says %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(i.dir, "master-key.next")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the new key is there twice: %v", err)
	}
	i.command(done, "sync")
	i.write("master-key", string(old))
	if _, said := i.command(failed, "sync", "--reassociate=all"); !strings.Contains(said, "another master key") {
		t.Errorf("with the old key: %s", said)
	}
	i.write("master-key", string(fresh))

	out, _ = i.command(done, "disconnect", "--json")
	var f struct{ Uninstalled, Revoked bool }
	if err := json.Unmarshal([]byte(out), &f); err != nil || !f.Uninstalled || !f.Revoked || i.portal.Installed() {
		t.Errorf("%v, disconnect says %s", err, out)
	}
	i.command(failed, "sync", "--reassociate=all")
	if i.gifts() != 40 {
		t.Error("gift records are gone")
	}
}

// TestConnectWithDaemon: the daemon waits for its grant, backfills when it has it,
// says so when it is over, and goes on after the next one.
func TestConnectWithDaemon(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
	d := i.start("run")
	check := func(words ...string) func() bool {
		return func() bool {
			c := i.start("check")
			<-c.ended
			for _, w := range words {
				if !strings.Contains(c.out.String(), w) {
					return false
				}
			}
			return true
		}
	}
	await(t, "check says how to connect", check("answers on", "not connected to HubSpot", "connect"))

	connect := func() {
		t.Helper()
		c := i.start("connect", "--json")
		if page := i.browse(c, "connect"); !strings.Contains(page, "<h1>Connected</h1>") {
			t.Errorf("the page is %s", page)
		}
		var connection struct{ Portal, Account string }
		if got := <-c.ended; got != done || json.Unmarshal([]byte(c.out.String()), &connection) != nil || connection.Account != "62515" {
			t.Errorf("connect ends with %d: %s%s", got, c.out.String(), c.err.String())
		}
	}
	connect()
	await(t, "the backfill is done", func() bool { return i.gifts() == 40 })

	i.command(done, "key", "rotate")
	i.command(done, "sync", "--reassociate=all")

	i.portal.Uninstall()
	i.portal.ExpireAccess()
	i.portal.ResetRequests()
	for range 5 {
		i.start("sync", "--reassociate=all")
	}
	_, said := i.command(failed, "sync", "--reassociate=all")
	if !strings.Contains(said, "the access to HubSpot is over") {
		t.Errorf("after an uninstall: %s", said)
	}
	if n := i.portal.Requests().Total; n > 12 {
		t.Errorf("%d calls after an uninstall", n)
	}
	await(t, "check says that it is over", check("access to HubSpot is over"))
	connect()
	await(t, "all is well again", check("accepted; it belongs to account 62515"))

	i.command(done, "disconnect")
	if i.portal.Installed() {
		t.Error("the app is installed still")
	}
	d.stop()
	if got := <-d.ended; got != done {
		t.Errorf("the daemon ends with %d: %s", got, d.err.String())
	}
	i.secretsAreKept(d.err.String(), d.out.String())
}

// TestReplacedTokenFile: a static token that is replaced is used at the next call
// of the daemon.
func TestReplacedTokenFile(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}")
	config, err := os.ReadFile(i.config)
	if err != nil {
		t.Fatal(err)
	}
	i.write("config.yaml", strings.Replace(string(config), "app: main, account_id: 62515", "token_file: hubspot-token", 1))
	i.write("hubspot-token", worldToken)
	d := i.start("run")
	await(t, "the backfill is done", func() bool { return i.gifts() == 40 })
	i.portal.SetToken("pat-canary-other")
	i.write("hubspot-token", "pat-canary-other")
	i.portal.ResetRequests()
	i.command(done, "sync", "--reassociate=all")
	if n := i.portal.Requests().ByStatus[401]; n != 0 {
		t.Errorf("%d calls had the old token", n)
	}
	if _, said := i.command(misused, "connect"); !strings.Contains(said, "static token") {
		t.Errorf("connect says %s", said)
	}
	d.stop()
	<-d.ended
}

// TestScopesAreUsed: every scope that an install link asks for is needed by some
// call of a backfill or of a workflow, as HubSpot's certification demands. Whether linking needs the
// right to write on the far side HubSpot leaves open, so both readings are tried.
func TestScopesAreUsed(t *testing.T) {
	used := make(map[string]bool)
	for _, tt := range []struct {
		options hubspottest.Options
		links   string
	}{
		{hubspottest.Options{}, "{companies: primary}"},
		{hubspottest.Options{FarSideWrite: true}, "{companies: none, deals: {max: 1}}"},
	} {
		i := newOAuthInstallation(t, tt.options, tt.links)
		c := i.start("connect")
		i.browse(c, "connect")
		if got := <-c.ended; got != done {
			t.Fatalf("connect ends with %d: %s", got, c.err.String())
		}
		// A recipient of an orphan becomes a contact, with a company.
		for gift := range i.portal.Records("thnks") {
			if len(i.portal.Links("thnks", gift.ID)["contacts"]) == 0 && strings.Contains(gift.Properties["recipient_email"], "@") {
				contact := i.portal.AddContact(gift.Properties["recipient_email"], nil)
				i.portal.SetPrimaryCompany(contact, i.portal.AddCompany(nil))
				break
			}
		}
		i.command(done, "sync", "--reassociate")
		i.command(done, "check")
		if tt.options.FarSideWrite {
			i.sends()
			end := i.ready()
			i.approvedByWorkflow()
			end()
		}
		for _, s := range i.portal.UsedScopes() {
			used[s] = true
		}
	}
	required, optional := giftportal.RequestedScopes(giftportal.LinkRules{Companies: true, MaxDeals: 1})
	for _, s := range slices.Concat(required, optional) {
		if !used[s] {
			t.Errorf("%s is asked for and never used", s)
		}
		delete(used, s)
	}
	if len(used) > 0 {
		t.Errorf("used and not asked for are %v", used)
	}
}

// TestScopesAreDocumented: the page about connecting has the table of the program.
func TestScopesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../.github/docs/connect.md")
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	for _, f := range giftportal.Features(giftportal.LinkRules{Companies: true, MaxDeals: 1}) {
		for _, s := range f.Scopes {
			mark := ""
			if s.OAuthOnly {
				mark = " (OAuth only)"
			}
			if f.Optional {
				mark = " (optional)"
			}
			fmt.Fprintf(&table, "| %s | `%s`%s | `%s` | %s |\n", f.Name, s.Name, mark, s.For, f.Without)
		}
	}
	if !strings.Contains(string(page), table.String()+"\n") {
		t.Errorf("the page lacks the table\n%s", table.String())
	}
}

// TestDemoOAuth: the demo begins with connecting its portal in a browser.
func TestDemoOAuth(t *testing.T) {
	i := &oauthInstallation{t: t}
	c := i.start("demo", "--oauth", "--once", "--transactions", "50")
	if page := i.browse(c, "connect"); !strings.Contains(page, "<h1>Connected</h1>") {
		t.Errorf("the page is %s", page)
	}
	if got := <-c.ended; got != done || !strings.Contains(c.out.String(), "connected to HubSpot account 62515") || !strings.Contains(c.out.String(), "backfill done") {
		t.Errorf("the demo ends with %d:\n%s%s", got, c.out.String(), c.err.String())
	}
}

// TestTokenFile: a new token is used once it is known to be of the portal's
// account, and the one before while the file cannot be read.
func TestTokenFile(t *testing.T) {
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: none}")
	cfg, err := configs.Load(i.config)
	if err != nil {
		t.Fatal(err)
	}
	g := &grants{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	p := cfg.Portals[0]
	p.HubSpot.App, p.HubSpot.TokenFile = "", "hubspot-token"
	use := func(account int64, before, now string) (string, error) {
		t.Helper()
		p.HubSpot.AccountID = account
		i.write("hubspot-token", before)
		f, err := g.tokenFile(p, noJournal{})
		if err != nil {
			t.Fatal(err)
		}
		i.write("hubspot-token", now)
		token, err := f.Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}
	if got, err := use(62515, "pat-before", worldToken); err != nil || got != worldToken {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := use(62515, "pat-before", ""); err != nil || got != "pat-before" {
		t.Errorf("beside an empty file: %q, %v", got, err)
	}
	got, err := use(1, "pat-before", worldToken)
	if fatal := new(giftsync.Fatal); !errors.As(err, &fatal) || !strings.Contains(err.Error(), "belongs to account 62515, but this portal is bound to account 1") {
		t.Errorf("a token of another account: %q, %v", got, err)
	}
	if _, err := use(62515, "pat-before", "pat-of-no-account"); err == nil {
		t.Error("a token that HubSpot does not know is used")
	}
}

// TestTokenFileWaits: while HubSpot does not say whose a new token is, the calls that want
// it fail together, for the time being, after one question of a few seconds: there are
// several at a time, and each is tried again. A file that is replaced again is asked
// about at once.
func TestTokenFileWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hubspot-token")
	write := func(token string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("pat-new")
	synctest.Test(t, func(t *testing.T) {
		silent, questions := true, 0
		f := &tokenFile{
			read: func() (configs.Secret, error) { return new(configs.Config).ReadSecret(path) },
			allowed: func(ctx context.Context, _ string) error {
				questions++
				if !silent {
					return nil
				}
				<-ctx.Done()
				return &hubspot.Error{Kind: hubspot.Transient, Err: ctx.Err()}
			},
		}
		began := time.Now()
		for range 30 { // six calls with five tries each, which queue for the answer
			token, err := f.Token()
			if e, ok := hubspot.AsError(err); !ok || e.Kind != hubspot.Transient {
				t.Errorf("%v, %v; want a transient error", token, err)
			}
		}
		if waited := time.Since(began); questions != 1 || waited > stopWithin-3*time.Second {
			t.Errorf("%d questions took %v", questions, waited)
		}
		silent = false
		if _, err := f.Token(); err == nil || questions != 1 {
			t.Errorf("at once the refused token is asked about again: %v, %d questions", err, questions)
		}
		time.Sleep(refusedFor)
		if token, err := f.Token(); err != nil || token.AccessToken != "pat-new" {
			t.Errorf("once HubSpot answers: %v, %v", token, err)
		}
		silent = true
		write("pat-of-no-account")
		if token, err := f.Token(); err == nil {
			t.Errorf("a token of no account is used: %v", token)
		}
		silent = false
		write("pat-newer")
		if token, err := f.Token(); err != nil || token.AccessToken != "pat-newer" {
			t.Errorf("a file that was replaced again: %v, %v", token, err)
		}
	})
}

// connected is an installation whose portal was connected and backfilled.
func connected(t testing.TB) *oauthInstallation {
	t.Helper()
	return newOAuthInstallation(t, hubspottest.Options{}, "{companies: primary}").connected()
}

// connected connects the portal, whose backfill has all gifts then.
func (i *oauthInstallation) connected() *oauthInstallation {
	i.t.Helper()
	c := i.start("connect")
	i.browse(c, "connect")
	if got := <-c.ended; got != done || i.gifts() == 0 {
		i.t.Fatalf("connect ends with %d: %s", got, c.err.String())
	}
	return i
}

// TestDowngradeAndBack: an account that loses its Enterprise subscription stops its
// portal, which says so; when it is back, the next run goes on where the last one
// ended.
func TestDowngradeAndBack(t *testing.T) {
	i := connected(t)
	i.portal.SetTier(hubspottest.Professional)
	if _, said := i.command(failed, "sync", "--reassociate=all"); !strings.Contains(said, "Enterprise") {
		t.Errorf("the run says %s", said)
	}
	if out, _ := i.command(failed, "check"); !strings.Contains(out, "subscription") {
		t.Errorf("check says %s", out)
	}
	i.portal.SetTier(hubspottest.Enterprise)
	i.command(done, "sync", "--reassociate=all")
	i.command(done, "check")
}

// TestConnectedWithFewerScopes: scopes that may be missing cost their features alone,
// and run and check say which these are; of any other, both say which it is, until it
// is granted again.
func TestConnectedWithFewerScopes(t *testing.T) {
	i := connected(t)
	without := func(scope string) []string {
		return slices.DeleteFunc(hubspottest.DefaultScopes(), func(s string) bool { return s == scope })
	}
	i.portal.SetScopes(without("crm.objects.deals.read")...)
	const lost = "gifts without links to deals"
	if out, _ := i.command(done, "sync", "--reassociate=all"); !strings.Contains(out, lost) {
		t.Errorf("the run says %s", out)
	}
	if out, _ := i.command(done, "check"); strings.Contains(out, lost) {
		t.Errorf("check does not go by the grant: %s", out) // which HubSpot did not show yet
	}
	i.portal.ExpireAccess()
	i.command(done, "sync", "--reassociate")
	if out, _ := i.command(done, "check"); !strings.Contains(out, lost) {
		t.Errorf("check says %s", out)
	}
	i.portal.SetScopes(without("crm.objects.custom.read")...)
	if _, said := i.command(failed, "sync", "--reassociate=all"); !strings.Contains(said, "crm.objects.custom.read") {
		t.Errorf("the run says %s", said)
	}
	i.portal.SetScopes(hubspottest.DefaultScopes()...)
	i.command(done, "sync", "--reassociate=all")
}
