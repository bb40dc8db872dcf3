package configs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBindings: what belongs to one portal is named by no other one.
func TestBindings(t *testing.T) {
	const records, secret = ": " + ownRecords, ": " + ownSecret
	for _, tt := range []struct{ name, a, b, want string }{
		{"tokens of their own", "hubspot: {token_file: a}", "hubspot: {token_file: b}", ""},
		{"one token file", "hubspot: {token_file: a}", "hubspot: {token_file: ./a}", "F:7: portals[1].hubspot.token_file: the same file as portals[0].hubspot.token_file (line 3)" + records},
		{"one token file, two objects", "hubspot: {token_file: a}", "hubspot: {token_file: a, object: {name: gifts}}", ""},
		{"one token file, objects alike", "hubspot: {token_file: a, object: {name: Gifts}}", "hubspot: {token_file: a, object: {name: gifts}}", "F:7: portals[1].hubspot.token_file: the same file as portals[0].hubspot.token_file (line 3)" + records},
		{"one token file, two servers", "hubspot: {token_file: a}", "hubspot: {token_file: a, base_url: http://127.0.0.1:1}", ""},
		{"one account", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7}", "F:7: portals[1].hubspot.account_id: the same account and object as portals[0].hubspot.account_id (line 3)" + records},
		{"one account, two of HubSpot's servers", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7, base_url: https://api-eu1.hubapi.com}", "F:7: portals[1].hubspot.account_id: the same account and object as portals[0].hubspot.account_id (line 3)" + records},
		{"one account, two spellings of a server", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7, base_url: 'https://API.hubapi.com.:443'}", "F:7: portals[1].hubspot.account_id: the same account and object as portals[0].hubspot.account_id (line 3)" + records},
		{"one token file, two spellings of a server", "hubspot: {token_file: a}", "hubspot: {token_file: a, base_url: 'https://api.hubapi.com:443'}", "F:7: portals[1].hubspot.token_file: the same file as portals[0].hubspot.token_file (line 3)" + records},
		{"one account, two objects", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 7, object: {name: gifts}}", ""},
		{"two accounts", "hubspot: {token_file: a, account_id: 7}", "hubspot: {token_file: b, account_id: 8}", ""},
		{
			"one webhook secret",
			"hubspot: {token_file: a}\n    webhooks: {gift-events: {scheme: standard, secret_files: [s1, s2]}}",
			"hubspot: {token_file: b}\n    webhooks: {gift-events: {scheme: standard, secret_files: [s3, s2]}}",
			"F:9: portals[1].webhooks.gift-events.secret_files[1]: the same file as portals[0].webhooks.gift-events.secret_files[1] (line 4)" + secret,
		},
		{
			"one webhook secret of two sources",
			"hubspot: {token_file: a}\n    webhooks: {gift-events: {scheme: token, header: X, token_files: [s]}, thyngs: {token_files: [t]}}",
			"hubspot: {token_file: b}\n    webhooks: {thyngs: {token_files: [s]}, zoho-thrive: {header: X, token_files: [t]}}",
			"F:9: portals[1].webhooks.thyngs.token_files[0]: the same file as portals[0].webhooks.gift-events.token_files[0] (line 4)" + secret +
				"\nF:9: portals[1].webhooks.zoho-thrive.token_files[0]: the same file as portals[0].webhooks.thyngs.token_files[0] (line 4)" + secret,
		},
		{
			"one secret of two sources of a portal",
			"hubspot: {token_file: a}\n    webhooks: {thyngs: {token_files: [s]}, zoho-thrive: {header: X, token_files: [s]}}",
			"hubspot: {token_file: b}", "",
		},
	} {
		text := "portals:\n  - name: a\n    " + tt.a + "\n    thnks: {api_key_file: k}\n\n  - name: b\n    " + tt.b + "\n    thnks: {api_key_file: k}\n"
		if got := messages(t, text); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// TestBindingsByContent: the same secret in two files is one secret.
func TestBindingsByContent(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	path := write(t, `portals:
  - name: a
    hubspot: {token_file: a.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: standard, secret_files: [a.hook]}, thyngs: {token_files: [a.thyngs]}}
  - name: b
    hubspot: {token_file: b.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: standard, secret_files: [none, b.hook]}, zoho-thrive: {header: X, token_files: [b.thrive]}}
  - name: c
    hubspot: {token_file: none, object: {name: gifts}}
    thnks: {api_key_file: key}
`)
	check := func(files map[string]string) string {
		t.Helper()
		for name, text := range files {
			put(t, filepath.Dir(path), name, text, 0o600)
		}
		cfg, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		err = cfg.CheckBindings()
		var le *LoadError
		if err != nil && !errors.As(err, &le) {
			t.Fatalf("error is %#v", err)
		}
		if err == nil {
			return ""
		}
		return strings.ReplaceAll(err.Error(), path, "F")
	}
	if got := check(nil); got != "" {
		t.Errorf("without files: %s", got)
	}
	if got := check(map[string]string{"a.token": "one", "b.token": "two", "a.hook": "whsec_three", "b.hook": "four", "a.thyngs": "five", "b.thrive": "six"}); got != "" {
		t.Errorf("different secrets: %s", got)
	}
	want := `F:7: portals[1].hubspot.token_file: holds the same secret as portals[0].hubspot.token_file (line 3): ` + ownRecords + `
F:9: portals[1].webhooks.gift-events.secret_files[1]: holds the same secret as portals[0].webhooks.gift-events.secret_files[0] (line 5): ` + ownSecret + `
F:9: portals[1].webhooks.zoho-thrive.token_files[0]: holds the same secret as portals[0].webhooks.thyngs.token_files[0] (line 5): ` + ownSecret
	if got := check(map[string]string{"b.token": "one\n", "b.hook": "three", "b.thrive": "five"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := os.Remove(filepath.Join(filepath.Dir(path), "a.token")); err != nil {
		t.Fatal(err)
	}
	if got := check(map[string]string{"b.hook": "four", "b.thrive": "six"}); got != "" {
		t.Errorf("with a token that cannot be read: %s", got)
	}
}

// TestServer: each way to write the address of a server names the same one, and
// other servers have other names.
func TestServer(t *testing.T) {
	names := make(map[string][]string)
	for _, same := range [][]string{
		{
			"https://api.hubapi.com", "https://api.hubapi.com/", "https://API.HubAPI.com", "https://api.hubapi.com:443", "https://api.hubapi.com:0443",
			"https://api.hubapi.com.", "https://api.hubapi.com.:443", "https://api.hubapi.com:", "HTTPS://api.hubapi.com", "https://api-eu1.hubapi.com", "https://hubapi.com:443",
		},
		{"https://proxy.acme.example", "https://proxy.acme.example:443/below", "https://Proxy.acme.example."},
		{"https://proxy.acme.example:8443"},
		{"https://nothubapi.com"},
		{"https://hubapi.com.acme.example"},
		{"http://127.0.0.1:8088", "http://localhost:8088", "http://LOCALHOST:8088", "http://[::1]:8088", "http://[0:0:0:0:0:0:0:1]:08088", "http://[::ffff:127.0.0.1]:8088"},
		{"http://127.0.0.1", "http://localhost:80"},
		{"https://[2001:db8::7]", "https://[2001:DB8:0:0::7]:443"},
		{"https://192.0.2.7", "https://[::ffff:192.0.2.7]:443"},
	} {
		for _, address := range same {
			if got := Server(address); got != Server(same[0]) {
				t.Errorf("%s is %q, and %s is %q", address, got, same[0], Server(same[0]))
			}
		}
		names[Server(same[0])] = append(names[Server(same[0])], same[0])
	}
	for name, addresses := range names {
		if len(addresses) > 1 {
			t.Errorf("%q are all %q", addresses, name)
		}
	}
}

// TestSecretSpellings: a secret is the same however it is written down, and two
// secrets are two.
func TestSecretSpellings(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	path := write(t, `portals:
  - name: a
    hubspot: {token_file: a.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: standard, secret_files: [a.hook]}}
  - name: b
    hubspot: {token_file: b.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: hmac, algorithm: sha256, header: X, encoding: hex, secret_files: [b.hook]}}
`)
	const text = "whsec_+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s="
	for name, tt := range map[string]struct {
		other string
		same  bool
	}{
		"itself":             {text, true},
		"without the prefix": {"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=", true},
		"prefix in capitals": {"WHSEC_+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=", true},
		"without padding":    {"whsec_+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s", true},
		"alphabet of URLs":   {"-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s", true},
		"a last bit":         {"whsec_+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/t=", false},
		"hex":                {strings.Repeat("fb", 32), true},
		"hex in capitals":    {strings.Repeat("FB", 32), true},
		"another":            {"whsec_+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/w=", false},
		"another in hex":     {strings.Repeat("fb", 31) + "fc", false},
	} {
		for file, secret := range map[string]string{"a.token": "one", "b.token": "two", "a.hook": text, "b.hook": tt.other} {
			put(t, filepath.Dir(path), file, secret+"\n", 0o600)
		}
		cfg, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		err = cfg.CheckBindings()
		if same := err != nil && strings.Contains(err.Error(), "portals[1].webhooks.gift-events.secret_files[0]: holds the same secret"); same != tt.same {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSecretsThatLookAlike: tokens and secrets that people have chosen are others if a
// letter is, whatever they would be in base64.
func TestSecretsThatLookAlike(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	path := write(t, `portals:
  - name: a
    hubspot: {token_file: a.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: hmac, algorithm: sha256, header: X, encoding: hex, secret_files: [a.hook]}, thyngs: {token_files: [a.thyngs]}}
  - name: b
    hubspot: {token_file: b.token}
    thnks: {api_key_file: key}
    webhooks: {gift-events: {scheme: hmac, algorithm: sha256, header: X, encoding: hex, secret_files: [b.hook]}, thyngs: {token_files: [b.thyngs]}}
`)
	for file, secret := range map[string]string{
		"a.token": "sandbox-token-2", "b.token": "sandbox-token-3", "a.hook": "acme-hook-1", "b.hook": "acme-hook-2",
		"a.thyngs": strings.Repeat("ab", 16), "b.thyngs": strings.Repeat("AB", 16),
	} {
		put(t, filepath.Dir(path), file, secret+"\n", 0o600)
	}
	cfg, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.CheckBindings(); err != nil {
		t.Error(err)
	}
}

// TestPrefixAlone: the prefix of Standard Webhooks alone is a secret like any other, and
// has nothing in common with its other spelling.
func TestPrefixAlone(t *testing.T) {
	for _, id := range identities("whsec_") {
		if slices.Contains(identities("WHSEC_"), id) {
			t.Error("two spellings of the prefix are one secret")
		}
	}
}
