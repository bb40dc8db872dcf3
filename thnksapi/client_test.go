package thnksapi_test

import (
	"fmt"
	"strings"
	"testing"

	"thnks-hubspot-sync/thnksapi"
)

func TestNewRefuses(t *testing.T) {
	type dialect = thnksapi.Dialect
	tests := []struct {
		change  func(*dialect)
		setting string
	}{
		{func(d *dialect) { d.ListPath = "transactions" }, "dialect.list_path"},
		{func(d *dialect) { d.DetailPath = "/transactions" }, "dialect.detail_path"},
		{func(d *dialect) { d.Detail = "data" }, "dialect.detail"},
		{func(d *dialect) { d.Auth.Header = "" }, "dialect.auth.header"},
		{func(d *dialect) { d.Auth.Header = "X Key" }, "dialect.auth.header"},
		{func(d *dialect) { d.Auth.Header = "host" }, "dialect.auth.header"},
		{func(d *dialect) { d.Auth.Template = "Bearer" }, "dialect.auth.template"},
		{func(d *dialect) { d.Paging.Kind = "link" }, "dialect.paging.kind"},
		{func(d *dialect) { d.Paging.Param = "" }, "dialect.paging.param"},
		{func(d *dialect) { d.Paging.Pointer = "" }, "dialect.paging.pointer"},
		{func(d *dialect) { d.Paging.Pointer = "next" }, "dialect.paging.pointer"},
		{func(d *dialect) { d.Paging.First = -1 }, "dialect.paging.first"},
		{func(d *dialect) { d.Paging.SizeParam = "cursor" }, "dialect.paging.size_param"},
		{func(d *dialect) { d.Paging.Size = 1 }, "dialect.paging.size"},
		{func(d *dialect) { d.Paging.Stop = "never" }, "dialect.paging.stop"},
		{func(d *dialect) { d.Paging.Kind = thnksapi.PagingOffset }, "dialect.paging.stop"},
		{func(d *dialect) { d.Paging.Nothing = 204 }, "dialect.paging.nothing"},
		{func(d *dialect) { d.Since.Kind = "changed" }, "dialect.since.kind"},
		{func(d *dialect) { d.Since.Param = "limit" }, "dialect.since.param"},
		{func(d *dialect) { d.Since.Format = "iso" }, "dialect.since.format"},
		{func(d *dialect) { d.Since.Overlap = -1 }, "dialect.since.overlap"},
		{func(d *dialect) { d.Items = "transactions" }, "dialect.items"},
		{func(d *dialect) { d.Fields.ID = nil }, "dialect.fields.id"},
		{func(d *dialect) { d.Fields.Message = []string{"/a", "message"} }, "dialect.fields.message"},
		{func(d *dialect) { d.Fields.Message = []string{"/a~2"} }, "dialect.fields.message"},
		{func(d *dialect) { d.Fields.RecipientName = []string{"/first + last"} }, "dialect.fields.recipient_name"},
		{func(d *dialect) { d.Fields.RecipientEmail = []string{"/to/-/email"} }, "dialect.fields.recipient_email"},
		{func(d *dialect) { d.Recipients = "/to"; d.Fields.ID = []string{"/to/-/x/-"} }, "dialect.fields.id"},
		{func(d *dialect) { d.Fields.Times["claimed"] = []string{"/claimed_at"} }, "dialect.fields.times.claimed"},
		{func(d *dialect) { d.Recipients = "recipients" }, "dialect.recipients"},
		{func(d *dialect) { d.Money.Unit = "cents" }, "dialect.money.unit"},
		{func(d *dialect) { d.Money.DefaultCurrency = "usd" }, "dialect.money.default_currency"},
		{func(d *dialect) { d.Statuses["claimed"] = "claimed" }, "dialect.statuses.claimed"},
		{func(d *dialect) { d.Statuses["SENT"] = "opened" }, "dialect.statuses.sent"},
		{func(d *dialect) { d.TimeFormats = nil }, "dialect.time_formats"},
		{func(d *dialect) { d.TimeFormats = []string{"iso8601"} }, "dialect.time_formats"},
	}
	for _, test := range tests {
		d := thnksapi.DefaultDialect()
		test.change(&d)
		_, err := thnksapi.New(thnksapi.Config{BaseURL: "https://api.thnks.com", Key: testKey, Dialect: d})
		if err == nil || !strings.Contains(err.Error(), test.setting+":") {
			t.Errorf("error is %v, want one that names %s", err, test.setting)
		}
	}

	d := thnksapi.DefaultDialect()
	d.ListPath, d.Paging.Size, d.Money.Unit = "", 0, ""
	_, err := thnksapi.New(thnksapi.Config{BaseURL: "https://api.thnks.com", Key: testKey, Dialect: d})
	for _, setting := range []string{"list_path", "paging.size", "money.unit"} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("%v does not name %s as well", err, setting)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for base, ok := range map[string]bool{
		"https://api.thnks.com":         true,
		"https://api.thnks.com/":        true,
		"https://proxy.example/thnks":   true,
		"http://127.0.0.1:8080":         true,
		"http://[::1]:8080":             true,
		"http://localhost:1":            true,
		"http://api.thnks.com":          false,
		"http://127.0.0.1.evil.example": false,
		"http://localhost.evil.example": false,
		"http://10.0.0.1":               false,
		"ftp://api.thnks.com":           false,
		"https://user:pw@api.thnks.com": false,
		"https://api.thnks.com?x=1":     false,
		"https://":                      false,
		"api.thnks.com":                 false,
		"":                              false,
	} {
		_, err := thnksapi.New(thnksapi.Config{BaseURL: base, Key: testKey, Dialect: thnksapi.DefaultDialect()})
		if (err == nil) != ok {
			t.Errorf("base URL %q: %v", base, err)
		}
		if err != nil && strings.Contains(fmt.Sprint(err), "pw") {
			t.Errorf("%v leaks the password", err)
		}
	}
}

func TestAPIKeyRefused(t *testing.T) {
	for _, key := range []string{"", "two words", "line\n", "\x00", "ü", "<html>\r\nX-Evil: 1"} {
		_, err := thnksapi.New(thnksapi.Config{BaseURL: "https://api.thnks.com", Key: key, Dialect: thnksapi.DefaultDialect()})
		if err == nil || !strings.Contains(err.Error(), "api_key_file") || key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("key %q: %v", key, err)
		}
	}
}
