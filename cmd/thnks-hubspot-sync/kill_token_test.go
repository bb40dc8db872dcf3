package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftapp "thnks-hubspot-sync/sync/app"
)

// firstUse is the moment, beside those of a sniper, at which the first call with a new
// access token is made.
const firstUse = later + 1

// A tokenDesk stands before HubSpot. It notes which tokens are given and used, and
// kills the process that has its token renewed.
type tokenDesk struct {
	hub http.Handler

	mu      sync.Mutex
	shot    shot // its request is not counted: 1 for the next renewal, 0 for none
	fire    func()
	asked   []string          // refresh tokens that renewals were asked for with
	refused int               // renewals that HubSpot refused
	next    map[string]string // the refresh token that was given for an access token
	used    string            // the last new access token that a call was made with
	all     map[string]bool   // every token that was given
}

func (d *tokenDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body)) // "" of any other body
	if form.Get("grant_type") != "refresh_token" {
		d.use(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		d.hub.ServeHTTP(w, r)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at, fire := d.shot, d.fire
	if at.request == 1 && at.when != firstUse {
		d.shot = shot{}
		if at.when == before {
			fire()
			panic(http.ErrAbortHandler)
		}
	}
	answer := httptest.NewRecorder()
	d.hub.ServeHTTP(answer, r)
	d.asked = append(d.asked, form.Get("refresh_token"))
	var given struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &given) != nil {
		d.refused++
	} else {
		d.next[given.Access] = given.Refresh
		d.all[given.Access], d.all[given.Refresh] = true, true
	}
	if at.request == 1 && at.when == after {
		fire()
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // to one who may be dead
	if at.request == 1 && at.when == later {
		time.AfterFunc(at.late, fire)
	}
}

// use notes a call with an access token, and kills at the first one with a new token.
func (d *tokenDesk) use(access string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next[access] == "" {
		return
	}
	d.used = access
	if d.shot.request == 1 && d.shot.when == firstUse {
		d.shot = shot{}
		d.fire()
		panic(http.ErrAbortHandler)
	}
}

// aim forgets what was noted but the tokens, and kills at the next renewal.
func (d *tokenDesk) aim(at shot, fire func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shot, d.fire, d.asked, d.refused, d.used = at, fire, nil, 0, ""
	clear(d.next)
}

// renewals returns the refresh tokens of the renewals since the aim, and how many HubSpot
// refused.
func (d *tokenDesk) renewals() (asked []string, refused int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked, d.refused
}

// before puts the desk before the HubSpot of an installation.
func (d *tokenDesk) before(t *testing.T, i *oauthInstallation) {
	t.Helper()
	text, err := os.ReadFile(i.config)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "authorize_url: ")
	real, _, found := strings.Cut(rest, "/oauth/authorize")
	if !found {
		t.Fatal("the configuration does not name HubSpot")
	}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	i.write("config.yaml", strings.ReplaceAll(string(text), real, server.URL))
}

// grant opens the state file, which it checks, and returns the portal's grant, opened
// with the master keys that are there.
func (i *oauthInstallation) grant(t *testing.T) *hubspot.Grant {
	t.Helper()
	st, err := store.Open(filepath.Join(i.dir, "state", "acme.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
	cfg, err := configs.Load(i.config)
	if err != nil {
		t.Fatal(err)
	}
	g, err := (&giftapp.Vault{Portal: "acme", State: st, Keys: (&grants{cfg: cfg}).keyring}).Grant()
	if err != nil || g == nil {
		t.Fatalf("the grant is %v: %v", g, err)
	}
	return g
}

// wantSealed fails the test where one of the tokens, or the client's secret, is in a
// file beside the configuration, or in what was said.
func (d *tokenDesk) wantSealed(t *testing.T, i *oauthInstallation, said string) {
	t.Helper()
	all := []byte(said)
	err := filepath.WalkDir(filepath.Join(i.dir, "state"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(append(all, '\n'), text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range i.portal.Tokens() {
		d.all[token] = true
	}
	for token := range d.all {
		if bytes.Contains(all, []byte(token)) {
			t.Error("a token is in clear in a file or a log")
		}
	}
	if bytes.Contains(all, []byte(oauthSecret)) {
		t.Error("the client's secret is in a file or a log")
	}
}

// TestKillAtARenewal kills the program with SIGKILL around the renewal of its token, again and
// again, mostly between HubSpot's answer and its being stored: under servers that keep
// the refresh token, replace it, or end everything when the old one is used again, with
// and without a time of grace. Each time the new refresh token is stored before its
// access token is used, none is in clear on disk, and the next process asks with the
// one that is stored. Then the portal works; it is stopped as revoked where HubSpot has
// refused that token, and only there. THNKS_TOKEN_KILLS makes it longer, and
// THNKS_KILL_SEED has the moments drawn again.
func TestKillAtARenewal(t *testing.T) {
	t.Parallel()
	kills, seed := fromEnv(t, "THNKS_TOKEN_KILLS", 24), killSeed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	i := newOAuthInstallation(t, hubspottest.Options{}, "{companies: none}")
	d := &tokenDesk{hub: i.portal, next: make(map[string]string), all: make(map[string]bool)}
	d.before(t, i)
	i.connected()
	_, authority, _ := strings.Cut(i.public, "://")
	unsaved, revoked := 0, 0
	for n := range kills {
		app := hubspottest.App{
			ClientID: oauthClient, ClientSecret: oauthSecret, RedirectURI: "http://" + authority + "/oauth/callback",
			Rotation: hubspottest.Rotation(n % 3), UninstallEndsAccess: true,
		}
		if rng.IntN(2) == 0 {
			app.Grace = time.Hour
		}
		at := shot{1, moment(rng.IntN(int(firstUse) + 1)), time.Duration(rng.Int64N(int64(6 * time.Millisecond)))}
		if rng.IntN(2) == 0 {
			at.when = later
		}
		what := fmt.Sprintf("kill %d, at moment %d after %v, of rotation %d with grace %v", n, at.when, at.late, app.Rotation, app.Grace)
		i.portal.RegisterApp(app)
		i.portal.ExpireAccess()
		old := i.grant(t)

		victim := exec.Command("thnks-hubspot-sync", "sync", "--reassociate", "--config", i.config)
		var said output
		victim.Stdout, victim.Stderr = &said, &said
		begun := make(chan struct{})
		d.aim(at, func() {
			<-begun
			_ = victim.Process.Kill() // it may have ended by itself
		})
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		close(begun)
		_ = victim.Wait()

		now := i.grant(t)
		d.mu.Lock()
		asked, given, used := len(d.asked), "", d.used
		for _, refresh := range d.next {
			given = refresh
		}
		inUse := d.next[used]
		d.mu.Unlock()
		kept, before := now.Refresh.Reveal(), old.Refresh.Reveal()
		switch {
		case asked != map[bool]int{true: 0, false: 1}[at.when == 0]:
			t.Fatalf("%s: asked for %d renewals\n%s", what, asked, said.String())
		case kept != before && kept != given:
			t.Fatalf("%s: another refresh token is stored than HubSpot gave", what)
		case used != "" && (kept != inUse || now.Access.Reveal() != used):
			t.Fatalf("%s: a token was used that was not stored", what)
		case !now.Ended.IsZero():
			t.Fatalf("%s: the grant has ended as %s", what, now.EndedCode)
		}
		lost := given != "" && now.Access.Equal(old.Access)
		if lost {
			unsaved++
		}

		d.aim(shot{}, nil)
		restarted := i.start("sync", "--reassociate")
		end := <-restarted.ended
		text := restarted.out.String() + restarted.err.String()
		d.wantSealed(t, i, said.String()+text)
		again, refused := d.renewals()
		dead := lost && app.Rotation != hubspottest.SameToken && app.Grace == 0 // as is the token that was stored
		switch {
		case len(again) > 0 && again[0] != kept:
			t.Errorf("%s: the renewal is asked for with another token than is stored", what)
		case len(again) > 1 && refused == 0:
			t.Errorf("%s: %d renewals", what, len(again))
		case !lost && at.when != 0 && len(again) > 0:
			t.Errorf("%s: renewed again although the tokens were stored", what)
		case dead != (refused > 0):
			t.Errorf("%s: HubSpot refused %d renewals", what, refused)
		case dead != strings.Contains(text, "the access to HubSpot is over"), dead != (end == failed), dead != !i.grant(t).Ended.IsZero():
			t.Errorf("%s: the next process ends with %d, revoked %t:\n%s", what, end, dead, text)
		case dead && slices.Contains(i.portal.Tokens(), given) != (app.Rotation == hubspottest.NewToken):
			t.Errorf("%s: HubSpot has ended another grant than was used twice", what)
		}
		if dead {
			revoked++
			d.aim(shot{}, nil)
			i.command(failed, "sync", "--reassociate")
			if again, _ := d.renewals(); len(again) > 0 {
				t.Errorf("%s: a revoked portal asks on", what)
			}
			i.connected()
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("killed %d times; %d times the answer was not stored, which ended the access %d times", kills, unsaved, revoked)
}

// TestKillAtAKeyRotation kills key rotate with SIGKILL at any time, again and again: the keys that
// are there open the grant at once, which is as it was, and when the command has
// ended, the new key opens it alone. THNKS_TOKEN_KILLS makes it longer.
func TestKillAtAKeyRotation(t *testing.T) {
	t.Parallel()
	kills, seed := fromEnv(t, "THNKS_TOKEN_KILLS", 24), killSeed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	i := connected(t)
	d := &tokenDesk{all: make(map[string]bool)}
	want := i.grant(t)
	opened := func() {
		t.Helper()
		if g := i.grant(t); !g.Access.Equal(want.Access) || !g.Refresh.Equal(want.Refresh) {
			t.Fatal("the tokens are not as they were")
		}
	}
	key := func(name string) string {
		text, err := os.ReadFile(filepath.Join(i.dir, name))
		if err != nil {
			return ""
		}
		return string(text)
	}
	halfway := 0
	for n := range kills {
		rotation := exec.Command("thnks-hubspot-sync", "key", "rotate", "--config", i.config)
		var said output
		rotation.Stdout, rotation.Stderr = &said, &said
		was, within := key("master-key"), 8*time.Millisecond // of the new key's being made
		if key("master-key.next") != "" {
			within = 150 * time.Millisecond // of the process's being started
		}
		began := time.Now()
		if err := rotation.Start(); err != nil {
			t.Fatal(err)
		}
		// Every fourth is let go on: it ends what was begun.
		alone := n%4 == 3
		if !alone {
			for key("master-key.next") == "" && key("master-key") == was && time.Since(began) < patience {
				time.Sleep(time.Millisecond / 4)
			}
			time.Sleep(time.Duration(rng.Int64N(int64(within))))
			_ = rotation.Process.Kill() // it may have ended
		}
		err := rotation.Wait()
		opened()
		d.wantSealed(t, i, said.String())
		if key("master-key.next") != "" {
			halfway++
		}
		if !alone {
			continue
		}
		if err != nil || key("master-key.next") != "" {
			t.Fatalf("key rotate after the kills: %v\n%s", err, said.String())
		}
	}
	i.command(done, "key", "rotate") // ends what the last kill may have left
	was := key("master-key")
	// A kill when a new key has got its name leaves it a second one, which may not outlast
	// the rotation.
	next := filepath.Join(i.dir, "master-key.next")
	left := filepath.Join(i.dir, ".master-key.next.new-1")
	if err := errors.Join(makeKey(next), os.Mkdir(left, 0o700), os.Link(next, filepath.Join(left, "master-key.next"))); err != nil {
		t.Fatal(err)
	}
	i.command(done, "key", "rotate")
	opened()
	if left, err := filepath.Glob(filepath.Join(i.dir, ".master-key*")); err != nil || len(left) > 0 {
		t.Errorf("beside the key are %q, %v", left, err)
	}
	if key("master-key") == was {
		t.Error("the key is the old one")
	}
	t.Logf("killed %d times, %d times with both keys there", kills-kills/4, halfway)
}
