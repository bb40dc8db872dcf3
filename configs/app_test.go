package configs

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withApp is a portal that connects through an app.
const withApp = `public_url: https://sync.example.com/
hubspot_apps: [{name: main, app_id: 54321, client_id: c, client_secret_file: s}]
portals:
  - name: acme
    hubspot: {app: main, account_id: 62515}
    thnks: {api_key_file: acme.thnks-key}
`

func TestAppsAreDecoded(t *testing.T) {
	for setting, pkce := range map[string]bool{"": true, ", pkce: true": true, ", pkce: false": false} {
		cfg, problems := parse([]byte(strings.Replace(withApp, "client_secret_file: s", "client_secret_file: s"+setting, 1)))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		app, ok := cfg.App(cfg.Portals[0].HubSpot.App)
		want := App{Name: "main", AppID: 54321, ClientID: "c", ClientSecretFile: "s", AuthorizeURL: "https://app.hubspot.com/oauth/authorize", PKCE: pkce}
		if !ok || app != want {
			t.Errorf("with %q the app is %+v, %t", setting, app, ok)
		}
		if got := cfg.RedirectURL(); got != "https://sync.example.com/oauth/callback" {
			t.Errorf("the redirect URL is %s", got)
		}
	}
	if _, ok := Default().App("main"); ok {
		t.Error("an app that is not configured is found")
	}
	if got := Default().RedirectURL(); got != "" {
		t.Errorf("without a public_url the redirect URL is %s", got)
	}
}

func TestAppsRefused(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"client_secret_file: s", "client_secret_file: s, pkce: yes", "F:2: hubspot_apps[0].pkce: neither true nor false: write true or false, without quotes"},
		{"client_secret_file: s}]", "client_secret_file: s}, {name: other, app_id: 54321, client_id: d, client_secret_file: t}]", "F:2: hubspot_apps[1].app_id: the same app as hubspot_apps[0]: describe each app once; several portals can name it"},
	} {
		if got := messages(t, strings.Replace(withApp, test.old, test.new, 1)); got != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
	}
}

func TestMasterKeys(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	old, next := strings.Repeat("o", 32), strings.Repeat("n", 32)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	cfg := &Config{dir: dir, MasterKeyFile: "key"}
	refused := func(why string, words ...string) {
		t.Helper()
		_, err := cfg.ReadMasterKeys()
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error is %v, without %q", why, err, word)
			}
		}
	}
	for _, at := range []string{"", credentials} {
		t.Setenv("CREDENTIALS_DIRECTORY", at)
		refused("there is none", "key", "openssl rand -base64 32")
	}
	for why, text := range map[string]string{"31 bytes": encode(old[1:]), "33 bytes": encode(old + "o"), "hex": strings.Repeat("ab", 32), "text": "not base64!"} {
		put(t, dir, "key", text, 0o600)
		refused(why, "does not hold 32 bytes in base64", "used before")
	}
	put(t, dir, "key", encode(old)+"\n", 0o600)
	keys, err := cfg.ReadMasterKeys()
	if err != nil || keys.Current.Reveal() != old || keys.Next.Reveal() != "" {
		t.Errorf("got %q and %q, %v", keys.Current.Reveal(), keys.Next.Reveal(), err)
	}
	put(t, credentials, "key.next", encode(next), 0o440)
	if keys, err = cfg.ReadMasterKeys(); err != nil || keys.Current.Reveal() != old || keys.Next.Reveal() != next {
		t.Errorf("during a rotation got %q and %q, %v", keys.Current.Reveal(), keys.Next.Reveal(), err)
	}
	put(t, credentials, "key.next", "garbage", 0o440)
	refused("a broken next key", "key.next")
}

// TestMasterKeysAtTheEndOfARotation: who reads the keys while the next one takes the place
// of the current one has the next one. With the old key alone it would seal tokens with
// what is about to be destroyed.
func TestMasterKeysAtTheEndOfARotation(t *testing.T) {
	dir := t.TempDir()
	old, next := strings.Repeat("o", 32), strings.Repeat("n", 32)
	cfg := &Config{dir: dir, MasterKeyFile: "key"}
	for round := range 200 {
		for name, key := range map[string]string{"key": old, "key.next": next} {
			put(t, dir, name, base64.StdEncoding.EncodeToString([]byte(key)), 0o600)
		}
		renamed := make(chan error, 1)
		go func() { renamed <- os.Rename(filepath.Join(dir, "key.next"), filepath.Join(dir, "key")) }()
		for ended := false; !ended; {
			select {
			case err := <-renamed:
				if err != nil {
					t.Fatal(err)
				}
				ended = true // it is read once more
			default:
			}
			keys, err := cfg.ReadMasterKeys()
			if err != nil {
				t.Fatal(err)
			}
			if keys.Current.Reveal() != next && keys.Next.Reveal() != next {
				t.Fatalf("round %d: the old key is read alone", round)
			}
		}
	}
}
