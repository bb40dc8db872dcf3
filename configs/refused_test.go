package configs

import "strings"

// in returns the good configuration with text instead of the lines that begin
// with old.
func in(old, text string) string {
	var b strings.Builder
	for line := range strings.Lines(good) {
		if strings.HasPrefix(strings.TrimSpace(line), old) {
			b.WriteString(text + "\n")
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// refused are configurations that do not load, with the exact message.
var refused = []struct{ name, text, want string }{
	{"empty file", "", `F: the file is empty: start from config.example.yaml`},
	{"comments only", "# nothing\n", `F: the file is empty: start from config.example.yaml`},
	{"null", "~\n", `F:1: the document is empty: start from config.example.yaml`},
	{"a mark and nothing behind it", "---", `F:1: the document is empty: start from config.example.yaml`},
	{"a list", "- name: acme\n", `F:1: not a group of keys: write it as lines of key: value`},
	{"one word", "portals\n", `F:1: not a group of keys: write it as lines of key: value`},
	{"second document", good + "---\n" + good, `F:7: a second document begins: keep one, and remove the --- between them`},
	{"second document in an error", good + "---\n[\n", `F:9: not valid YAML (did not find expected node content): check quotes, colons and indentation here and above`},
	{"tab", "portals:\n\t- name: acme\n", `F:2: a tab in the indentation: indent with spaces`},
	{"unclosed quote", "state_dir: \"/var\nportals: []\n", `F:3: not valid YAML (found unexpected end of stream): check quotes, colons and indentation here and above`},
	{"control character", "state_dir: a\x00b\n", `F: not a text file in UTF-8: remove control characters and save it as UTF-8`},
	{"not UTF-8", "state_dir: \xff\n", `F: not a text file in UTF-8: remove control characters and save it as UTF-8`},
	{"two colons", "state_dir: a: b\n", `F:1: not valid YAML (mapping values are not allowed in this context): check quotes, colons and indentation here and above`},
	{"undefined alias", "state_dir: *secret\n", `F:1: not valid YAML: check anchors and aliases, which are not supported`},
	{"alias", "state_dir: &x here\nlisten: *x\n" + good, `F:2: listen: an alias: write the value out`},
	{"merge key", "<<: {listen: a}\n" + good, `F:1: ?: the key is not a plain word: put it in quotes, or remove it`},
	{"list as key", "[a]: 1\n" + good, `F:1: ?: the key is not a plain word: put it in quotes, or remove it`},
	{"no portals", "state_dir: here\n", `F:1: portals: missing: describe at least one portal, as in config.example.yaml`},
	{"empty list of portals", "portals: []\n", `F:1: portals: missing: describe at least one portal, as in config.example.yaml`},
	{"portals without value", "portals:\n", `F:1: portals: has no value: give one, or remove the key`},
	{"portal without keys", "portals:\n  -\n", `F:2: portals[0]: has no value: give one, or remove the key`},
	{"portal is a word", "portals:\n  - acme\n", `F:2: portals[0]: not a group of keys: write it as lines of key: value`},
	{"portals is a mapping", "portals: {name: acme}\n", `F:1: portals: not a list: write it like [a, b], or one item a line after a dash`},
	{"unknown key at the top", "colour: red\n" + good, `F:1: colour: unknown key: remove it, or use a key of config.example.yaml`},
	{"unknown key, close", "admin_liste: a\n" + good, `F:1: admin_liste: unknown key: did you mean admin_listen?`},
	{"unknown key, begun", in("api_key_file", "      api_key: a"), `F:6: portals[0].thnks.api_key: unknown key: did you mean api_key_file?`},
	{"unknown key, dash for underscore", in("token_file", "      token-file: a"), `F:4: portals[0].hubspot.token-file: unknown key: did you mean token_file?`},
	{"unknown key that is a secret", in("token_file", "      pat-na1-0d0e7d55-1111-4222-8333-444455556666: a"), `F:3: portals[0].hubspot: has neither app nor token_file: give exactly one of the two
F:4: portals[0].hubspot.?: unknown key: remove it, or use a key of config.example.yaml`},
	{"empty key", "\"\": a\n" + good, `F:1: ?: unknown key: remove it, or use a key of config.example.yaml`},
	{"doubled key", good + "portals: []\n", `F:7: portals: doubled key, already on line 1: keep one of them`},
	{"doubled key, nested", in("token_file", "      token_file: a\n      token_file: b"), `F:5: portals[0].hubspot.token_file: doubled key, already on line 4: keep one of them`},
	{"triggers", good + `    triggers:
      - {name: gold, source: zoho-thrive, event: tier_upgrade, when: [{field: a}, {equal: b, at_least: x}], to: "{a}", gift: 1, message: Hi, once_per: always}
      - {name: Gold, source: thrive, sender: joe@acme.example}
`, `F:8: portals[0].triggers[0].source: the portal has no such webhooks: configure webhooks.zoho-thrive
F:8: portals[0].triggers[0].when[0]: has 0 comparisons: give exactly one of equal, one_of, at_least and at_most
F:8: portals[0].triggers[0].when[1].field: missing: give a value
F:8: portals[0].triggers[0].when[1]: has 2 comparisons: give exactly one of equal, one_of, at_least and at_most
F:8: portals[0].triggers[0].when[1].at_least: not a number: write digits, such as 100
F:8: portals[0].triggers[0]: the portal has no sending group: add one: it says what may be sent
F:8: portals[0].triggers[0].once_per: the same for every event: name a field of the event, such as {message.email_id}
F:9: portals[0].triggers[1].name: the same name as portals[0].triggers[0], case ignored: choose another
F:9: portals[0].triggers[1].source: not a known word: choose gift-events, thyngs or zoho-thrive
F:9: portals[0].triggers[1].event: missing: give a value
F:9: portals[0].triggers[1].to: missing: name a field of the event, such as {message.email_id}
F:9: portals[0].triggers[1].message: missing: give a value
F:9: portals[0].triggers[1]: the portal has no sending group: add one: it says what may be sent
F:9: portals[0].triggers[1].sender: no such sender: use one of thnks.keys, or remove the key
F:9: portals[0].triggers[1].once_per: missing: name a field of the event, such as {message.email_id}`},
	{"triggers that never send", in("api_key_file", "      keys: [{sender: ann@acme.example, api_key_file: a}, {sender: joe@acme.example, api_key_file: j}]") + `    webhooks: {gift-events: {scheme: token, header: X, token_files: [t]}}
    sending: {currency: USD, catalogue: [{gift: 1, name: Coffee, price: "1"}], budget: {sender: "1", portal: "1"}, approve_above: "1"}
    triggers:
      - {name: gold, source: gift-events, event: e, to: "{a} }", first_name: "{b", last_name: "<c>", gift: 1, message: "Hi <d> {e}", once_per: "{{f}}"}
`, `F:10: portals[0].triggers[0].source: its events are not signed, and so only hints: choose another scheme in webhooks.gift-events: a trigger fires for signed events alone
F:10: portals[0].triggers[0].to: a brace without its other: write fields of the event like {message.email_id}
F:10: portals[0].triggers[0].first_name: a brace without its other: write fields of the event like {message.email_id}
F:10: portals[0].triggers[0].last_name: has < or >, as a field that was not filled: write it without
F:10: portals[0].triggers[0].message: has < or >, as a field that was not filled: write it without
F:10: portals[0].triggers[0].once_per: a brace without its other: write fields of the event like {message.email_id}
F:10: portals[0].triggers[0].sender: missing, and the portal has several keys: name one of thnks.keys`},
	{"sending without a limit", good + "    sending: {}\n", `F:7: portals[0].sending.currency: missing or not the code of a currency: write it like USD; prices and budgets are in it
F:7: portals[0].sending.catalogue: missing: list the gifts that may be sent, each with its price
F:7: portals[0].sending.budget.sender: missing: give an amount in the portal's sending.currency, such as 100.00
F:7: portals[0].sending.budget.portal: missing: give an amount in the portal's sending.currency, such as 100.00
F:7: portals[0].sending.approve_above: missing: give an amount in the portal's sending.currency, such as 100.00`},
	{"sending", good + `    sending:
      allow: [bea, "@acme", "*", "@acme.example", bea@acme.example]
      do_not_gift: ["*"]
      opt_out_properties: [No Mail]
      currency: usd
      catalogue: [{gift: 5659, name: Coffee, price: "7,50"}, {gift: 5659, price: "0.00"}, {gift: -1, name: Tea, price: 3}]
      budget: {sender: -1, portal: 1e3}
      per_recipient: {max: 0, within: 5m}
      approve_above: "20.00 USD"
`, `F:8: portals[0].sending.allow[0]: neither an address nor a domain: write bea@acme.example, @acme.example for a domain, or * for everyone
F:8: portals[0].sending.allow[1]: neither an address nor a domain: write bea@acme.example, @acme.example for a domain, or * for everyone
F:9: portals[0].sending.do_not_gift[0]: neither an address nor a domain: write bea@acme.example, or @acme.example for a domain
F:10: portals[0].sending.opt_out_properties[0]: not the name of a property: write its internal name, such as hs_email_optout
F:11: portals[0].sending.currency: missing or not the code of a currency: write it like USD; prices and budgets are in it
F:12: portals[0].sending.catalogue[0].price: not an amount: write digits with a point, such as 100.00
F:12: portals[0].sending.catalogue[1].gift: the same gift as catalogue[0]: keep one of them
F:12: portals[0].sending.catalogue[1].name: missing: give a value
F:12: portals[0].sending.catalogue[1].price: a price of nothing: give what the gift costs: budgets count it
F:12: portals[0].sending.catalogue[2].gift: missing or not positive: give the number at the end of the gift's address in Thnks
F:13: portals[0].sending.budget.sender: not an amount: write digits with a point, such as 100.00
F:13: portals[0].sending.budget.portal: not an amount: write digits with a point, such as 100.00
F:14: portals[0].sending.per_recipient.max: less than 1: give the number of gifts that one recipient may get
F:14: portals[0].sending.per_recipient.within: less than an hour: write it like 30d
F:15: portals[0].sending.approve_above: not an amount: write digits with a point, such as 100.00`},
	{
		"sending without a key", in("api_key_file", "      csv: {}") + "    sending: {currency: USD, catalogue: [{gift: 1, name: a, price: 1}], budget: {sender: 1, portal: 1}, approve_above: 1}\n",
		`F:7: portals[0].sending: the portal has no API key to send with: give thnks.api_key_file or thnks.keys, or remove sending`,
	},
	{"csv", in("api_key_file", "      api_key_file: a\n      csv: {transaction_id: ID, gift_nam: Gift, x: y, status: ' ', sender_name: Name, recipient_name: name, message: [a]}"), `F:7: portals[0].thnks.csv.message: not a text: write one value
F:7: portals[0].thnks.csv.gift_nam: unknown key: did you mean gift_name?
F:7: portals[0].thnks.csv.sender_name: the same column as recipient_name: name a column for each
F:7: portals[0].thnks.csv.status: missing: name a column of the export, or remove the key
F:7: portals[0].thnks.csv.transaction_id: unknown key: remove it, or use a key of config.example.yaml
F:7: portals[0].thnks.csv.x: unknown key: remove it, or use a key of config.example.yaml`},
	{"csv reading", in("api_key_file", "      api_key_file: a\n      csv: {decimal: comma, nothing: [None, \" \", null, ~], decimals: 2}\n      requests_per_second: 0\n      dialect: {nothing: [\"\"], paging: {nothing: 204}, time_formats: []}"), `F:7: portals[0].thnks.csv.nothing[2]: a word that YAML reads as no value: put it in quotes, or remove the key
F:7: portals[0].thnks.csv.nothing[3]: a word that YAML reads as no value: put it in quotes, or remove the key
F:7: portals[0].thnks.csv.decimals: unknown key: did you mean decimal?
F:7: portals[0].thnks.csv.decimal: not a known word: choose . or ,
F:7: portals[0].thnks.csv.nothing[1]: no word: remove it: an empty value is nothing in any case
F:8: portals[0].thnks.requests_per_second: less than 1: give the number of calls a second that one key may make, or remove the key for 10
F:9: portals[0].thnks.dialect.time_formats: an empty list: name at least one format, or remove the key
F:9: portals[0].thnks.dialect.paging.nothing: not 404: write 404 if the API answers so when it has no transactions, or remove the key
F:9: portals[0].thnks.dialect.nothing[0]: no word: remove it: an empty value is nothing in any case`},
	{"metadata properties", good + `    webhooks:
      gift-events: {scheme: standard, secret_files: [a], metadata_properties: {a: Cost, b: status, c: hs_x, d: parcel_status, e: same, f: same, " ": g, h: fine_1, i: [x]}}
`, `F:8: portals[0].webhooks.gift-events.metadata_properties.i: not a text: write one value
F:8: portals[0].webhooks.gift-events.metadata_properties. : no key: name the key of the metadata
F:8: portals[0].webhooks.gift-events.metadata_properties.a: not a name that HubSpot allows for a property: use lower-case letters, digits and underscores, a letter first, at most 100
F:8: portals[0].webhooks.gift-events.metadata_properties.b: status is a property of every gift: choose another name
F:8: portals[0].webhooks.gift-events.metadata_properties.c: HubSpot keeps names that begin so for itself: choose another name
F:8: portals[0].webhooks.gift-events.metadata_properties.d: parcel_status is a property of every gift: choose another name
F:8: portals[0].webhooks.gift-events.metadata_properties.f: the same property as e: name a property for each`},
	{"csv shape", in("api_key_file", "      csv: Gift"), `F:6: portals[0].thnks.csv: not a group of keys: write it as lines of key: value`},
	{"two sources of keys with csv", in("api_key_file", "      api_key_file: a\n      keys: [{sender: a@b, api_key_file: b}]\n      csv: {}"), `F:5: portals[0].thnks: has both api_key_file and keys: keep exactly one of the two`},
	{"no value", in("token_file", "      token_file:"), `F:4: portals[0].hubspot.token_file: has no value: give one, or remove the key`},
	{"number for text is fine, list is not", "state_dir: [a]\n" + good, `F:1: state_dir: not a text: write one value`},
	{"truth for text", "state_dir: true\n" + good, `F:1: state_dir: not a text: put the value in quotes`},
	{"tagged text", "state_dir: !secret a\n" + good, `F:1: state_dir: not a text: put the value in quotes`},
	{"line break in text", "state_dir: \"a\\nb\"\n" + good, `F:1: state_dir: holds a line break, tab or control character: write it on one line`},
	{"text for a number", in("token_file", "      token_file: a\n      account_id: 62,515"), `F:5: portals[0].hubspot.account_id: not a whole number: write it in digits, without quotes, separators or leading zeros`},
	{"quoted number", in("token_file", "      token_file: a\n      account_id: \"62515\""), `F:5: portals[0].hubspot.account_id: not a whole number: write it in digits, without quotes, separators or leading zeros`},
	{"octal number", in("token_file", "      token_file: a\n      account_id: 0123"), `F:5: portals[0].hubspot.account_id: not a whole number: write it in digits, without quotes, separators or leading zeros`},
	{"huge number", in("token_file", "      token_file: a\n      account_id: 99999999999999999999"), `F:5: portals[0].hubspot.account_id: not a whole number: write it in digits, without quotes, separators or leading zeros`},
	{"negative numbers", in("token_file", "      token_file: a\n      account_id: -1\n      requests_per_10s: -1"), `F:5: portals[0].hubspot.account_id: negative: copy the id from HubSpot's account menu, or remove the key
F:6: portals[0].hubspot.requests_per_10s: negative: use 0 to follow HubSpot's own limit, or a positive cap`},
	{"runs_at_once below 0", "runs_at_once: -1\n" + good, `F:1: runs_at_once: negative: give how many portals' runs may work at the same time, or 0 for twice the processors`},
	{"runs_at_once in words", "runs_at_once: many\n" + good, `F:1: runs_at_once: not a whole number: write it in digits, without quotes, separators or leading zeros`},
	{"empty state_dir", "state_dir: \"\"\n" + good, `F:1: state_dir: missing: give a value`},
	{"paths for a shell", "state_dir: ~/state\nadmin_token_file: $HOME/token\nmaster_key_file: ~root/key\nhubspot_apps: [{name: main, app_id: 1, client_id: c, client_secret_file: \"${HOME}/s\"}]\n" + in("token_file", "      token_file: ~/t") + "    webhooks: {gift-events: {scheme: standard, secret_files: [a, ~/b]}, thyngs: {token_files: [$c]}, zoho-thrive: {header: X, token_files: [d$]}}\n", `F:1: state_dir: begins with ~, which only a shell replaces: write the path in full
F:2: admin_token_file: holds a $, which only a shell replaces: write the path in full
F:3: master_key_file: begins with ~, which only a shell replaces: write the path in full
F:4: hubspot_apps[0].client_secret_file: holds a $, which only a shell replaces: write the path in full
F:8: portals[0].hubspot.token_file: begins with ~, which only a shell replaces: write the path in full
F:11: portals[0].webhooks.gift-events.secret_files[1]: begins with ~, which only a shell replaces: write the path in full
F:11: portals[0].webhooks.thyngs.token_files[0]: holds a $, which only a shell replaces: write the path in full
F:11: portals[0].webhooks.zoho-thrive.token_files[0]: holds a $, which only a shell replaces: write the path in full`},
	{"state_dir with a variable", "state_dir: ${XDG_STATE_HOME}/thnks\n" + in("api_key_file", "      api_key_file: $CREDENTIALS_DIRECTORY/key"), `F:1: state_dir: holds a $, which only a shell replaces: write the path in full
F:7: portals[0].thnks.api_key_file: holds a $, which only a shell replaces: write the path in full`},
	{"listen without port", "listen: localhost\n" + good, `F:1: listen: not an address to listen on: write host:port, such as 127.0.0.1:8080`},
	{"listen with a bad port", "listen: localhost:65536\n" + good, `F:1: listen: not an address to listen on: write host:port, such as 127.0.0.1:8080`},
	{"both sides on one address", "admin_listen: 127.0.0.1:8080\n" + good, `F:1: admin_listen: the same address as listen: give the private side a port of its own`},
	{"public_url in plain http", "public_url: http://sync.example.com\n" + good, `F:1: public_url: neither https nor http on this machine: use https://`},
	{"public_url with query", "public_url: https://sync.example.com/?a=b\n" + good, `F:1: public_url: holds a query or fragment: remove what follows the ? or #`},
	{"public_url with password", "public_url: https://user:hunter2@sync.example.com\n" + good, `F:1: public_url: holds a user name or password: remove what stands before the @`},
	{"public_url without host", "public_url: https:///path\n" + good, `F:1: public_url: not a URL: write it like https://host.example`},
	{"public_url unparsable", "public_url: \"https://[::1\"\n" + good, `F:1: public_url: not a URL: write it like https://host.example`},
	{"bare proxy address", "trusted_proxies: [127.0.0.1]\n" + good, `F:1: trusted_proxies[0]: not an address range: write it like 10.0.0.0/8 or 127.0.0.1/32`},
	{"one proxy not in a list", "trusted_proxies: 127.0.0.1/32\n" + good, `F:1: trusted_proxies: not a list: write it like [a, b], or one item a line after a dash`},
	{"log level", "log: {level: INFO}\n" + good, `F:1: log.level: not a log level: choose one of debug, info, warn, error`},
	{"log format", "log: {format: text}\n" + good, `F:1: log.format: not a known word: choose auto or json`},
	{"log is a word", "log: debug\n" + good, `F:1: log: not a group of keys: write it as lines of key: value`},
	{"schedule in words", "schedule: hourly\n" + good, `F:1: schedule: not a cron expression: use five fields such as "15 * * * *", @hourly or @every 30m`},
	{"schedule that panics the library", "schedule: TZ=0\n" + good, `F:1: schedule: names a time zone, but schedules are always in UTC: remove TZ= or CRON_TZ=`},
	{"schedule with a zone", "schedule: CRON_TZ=Europe/Amsterdam 0 * * * *\n" + good, `F:1: schedule: names a time zone, but schedules are always in UTC: remove TZ= or CRON_TZ=`},
	{"schedule that never comes", "schedule: 0 0 31 2 *\n" + good, `F:1: schedule: never comes: name a date that exists`},
	{"schedule without pause", "schedule: \"@every 30s\"\n" + good, `F:1: schedule: runs more often than once a minute: use @every 1m or longer`},
	{"token for a file", in("token_file", "      token_file: pat-na1-0d0e7d55-1111-4222-8333-444455556666"), `F:4: portals[0].hubspot.token_file: looks like a secret: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"key for a file", in("api_key_file", "      api_key_file: 8Zq0Jx3LmN5pQ7rS9tUv"), `F:6: portals[0].thnks.api_key_file: looks like a secret where a file is to be named: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"key in a list of files", good + "    webhooks: {thyngs: {token_files: [ok, 6f2c7c4e-0000-4000-8000-000000000000]}}\n", `F:7: portals[0].webhooks.thyngs.token_files[1]: looks like a secret where a file is to be named: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"master key itself", "master_key_file: q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n" + good, `F:1: master_key_file: looks like a secret where a file is to be named: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"admin token itself", "admin_token_file: 0123456789abcdef0123456789abcdef\n" + good, `F:1: admin_token_file: looks like a secret where a file is to be named: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"token in a name", in("- name", "  - name: pat-eu1-0d0e7d55-1111-4222-8333-444455556666"), `F:2: portals[0].name: looks like a secret: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"authorization header in a text", "state_dir: Bearer abc\n" + good, `F:1: state_dir: looks like a secret: put it into a file that only its owner can read, name that file here, and have the secret replaced`},
	{"no name", "portals:\n  - hubspot: {token_file: a}\n    thnks: {api_key_file: b}\n", `F:2: portals[0].name: missing: give a name of letters, digits and dashes`},
	{"name with a slash", in("- name", "  - name: ../acme"), `F:2: portals[0].name: not a name: use letters, digits and dashes, at most 63, a letter or digit first`},
	{"same name", good + "  - name: Acme\n    hubspot: {token_file: a}\n    thnks: {api_key_file: b}\n", `F:7: portals[1].name: the same name as portals[0], case ignored: choose another`},
	{"time zone of the machine", in("- name", "  - name: acme\n    time_zone: Local"), `F:3: portals[0].time_zone: not a known time zone: write it like Europe/Amsterdam or UTC`},
	{"time zone unknown", in("- name", "  - name: acme\n    time_zone: Amsterdam"), `F:3: portals[0].time_zone: not a known time zone: write it like Europe/Amsterdam or UTC`},
	{"neither app nor token", in("token_file", "      account_id: 1"), `F:3: portals[0].hubspot: has neither app nor token_file: give exactly one of the two`},
	{"both app and token", in("token_file", "      token_file: a\n      app: main"), `F:1: public_url: missing: say how HubSpot reaches this program, which OAuth needs
F:3: portals[0].hubspot: has both app and token_file: keep exactly one of the two
F:3: portals[0].hubspot.account_id: missing: give the portal's id, which OAuth checks the grant against
F:5: portals[0].hubspot.app: no such app: use a name from hubspot_apps`},
	{"app without the rest", "master_key_file: \"\"\n" + in("token_file", "      app: main"), `F:1: public_url: missing: say how HubSpot reaches this program, which OAuth needs
F:1: master_key_file: missing: name the file with the key that seals OAuth tokens
F:4: portals[0].hubspot.account_id: missing: give the portal's id, which OAuth checks the grant against
F:5: portals[0].hubspot.app: no such app: use a name from hubspot_apps`},
	{"app that is incomplete", "hubspot_apps: [{name: main}, {name: main, app_id: 1, client_id: c, client_secret_file: s, authorize_url: app}]\n" + good, `F:1: hubspot_apps[0].app_id: missing or not positive: copy the app id from HubSpot's developer pages
F:1: hubspot_apps[0].client_id: missing: give a value
F:1: hubspot_apps[0].client_secret_file: missing: name the file that holds the secret
F:1: hubspot_apps[1].name: the same name as hubspot_apps[0], case ignored: choose another
F:1: hubspot_apps[1].authorize_url: not a URL: write it like https://host.example`},
	{"base_url", in("token_file", "      token_file: a\n      base_url: http://api.hubapi.com"), `F:5: portals[0].hubspot.base_url: neither https nor http on this machine: use https://`},
	{"leave_out", in("token_file", "      token_file: a\n      leave_out: [message, status, thanks, created_at, hubspot_owner_id, message]"), `F:5: portals[0].hubspot.leave_out[1]: status cannot be left out: leave it out of the list: a record is nothing without it
F:5: portals[0].hubspot.leave_out[2]: no property of the records: use names such as message, recipient_name, recipient_phone
F:5: portals[0].hubspot.leave_out[3]: no property of the records: use names such as message, recipient_name, recipient_phone
F:5: portals[0].hubspot.leave_out[4]: no property of the records: use names such as message, recipient_name, recipient_phone
F:5: portals[0].hubspot.leave_out[5]: listed twice: list it once`},
	{"api_version", in("token_file", "      token_file: a\n      api_version: v3"), `F:5: portals[0].hubspot.api_version: not a version of HubSpot's API: write year and month, such as 2026-09`},
	{"object", in("token_file", "      token_file: a\n      object: {name: 1gift, singular: \"\", plural: \"\"}"), `F:5: portals[0].hubspot.object.name: not a name that HubSpot allows: use letters, digits and underscores, a letter first
F:5: portals[0].hubspot.object.singular: missing: give a value
F:5: portals[0].hubspot.object.plural: missing: give a value`},
	{"associations", good + "    associations: {companies: all, deals: {max: 0, lookback: 3 months}}\n", `F:7: portals[0].associations.deals.lookback: not a duration: write it like 90d, 12h or 15m
F:7: portals[0].associations.companies: not a known word: choose primary or none
F:7: portals[0].associations.deals.max: less than 1: give the largest number of deals that a gift is linked to`},
	{"negative lookback", good + "    associations: {deals: {lookback: -12h}}\n", `F:7: portals[0].associations.deals.lookback: not a duration: write it like 90d, 12h or 15m`},
	{"no Thnks key", in("api_key_file", "      base_url: http://127.0.0.1:1"), `F:5: portals[0].thnks: has neither api_key_file nor keys: give exactly one of the two`},
	{"both kinds of Thnks key", in("api_key_file", "      api_key_file: a\n      keys: [{sender: ann@acme.example, api_key_file: b}]"), `F:5: portals[0].thnks: has both api_key_file and keys: keep exactly one of the two`},
	{"Thnks keys", in("api_key_file", "      keys: [{sender: ann, api_key_file: b}, {sender: bob@acme.example}, {sender: Bob@acme.example, api_key_file: c}]"), `F:6: portals[0].thnks.keys[0].sender: not an e-mail address: give the address that this key sends as
F:6: portals[0].thnks.keys[1].api_key_file: missing: name the file that holds the secret
F:6: portals[0].thnks.keys[2].sender: the same sender as keys[1]: keep one key for each sender`},
	{"dialect words", in("api_key_file", "      api_key_file: a\n      dialect: {paging: {kind: link, stop: never, size: 0}, since: {kind: changed, format: iso, overlap: soon}, money: {unit: cents}, statuses: {claimed: taken}, fields: {times: {claimed: [/claimed_at]}}}"), `F:7: portals[0].thnks.dialect.since.overlap: not a duration: write it like 90d, 12h or 15m
F:7: portals[0].thnks.dialect.paging.kind: not a known word: choose cursor, page or offset
F:7: portals[0].thnks.dialect.paging.stop: not a known word: choose no_cursor, empty or short
F:7: portals[0].thnks.dialect.since.kind: not a known word: choose updated, created or none
F:7: portals[0].thnks.dialect.since.format: not a known word: choose rfc3339, date, epoch_s or epoch_ms
F:7: portals[0].thnks.dialect.money.unit: not a known word: choose major or minor
F:7: portals[0].thnks.dialect.paging.size: less than 2: give the number of transactions to ask for in one call
F:7: portals[0].thnks.dialect.statuses.claimed: not a known word: choose scheduled, sent, delivered, opened, redeemed, refunded, expired, undelivered or donated
F:7: portals[0].thnks.dialect.fields.times.claimed: not a known word: choose scheduled, sent, delivered, opened, redeemed, refunded, expired, undelivered or donated`},
	{"dialect shapes", in("api_key_file", "      api_key_file: a\n      dialect: {auth: Authorization, fields: {id: /id, ident: [/id]}, statuses: [sent]}"), `F:7: portals[0].thnks.dialect.auth: not a group of keys: write it as lines of key: value
F:7: portals[0].thnks.dialect.fields.id: not a list: write it like [a, b], or one item a line after a dash
F:7: portals[0].thnks.dialect.fields.ident: unknown key: remove it, or use a key of config.example.yaml
F:7: portals[0].thnks.dialect.statuses: not a group of keys: write it as lines of key: value`},
	{"webhook of an unknown source", good + "    webhooks: {snappy: {token_files: [a]}}\n", `F:7: portals[0].webhooks.snappy: unknown key: remove it, or use a key of config.example.yaml`},
	{"webhook without scheme", good + "    webhooks: {gift-events: {secret_files: [a]}}\n", `F:7: portals[0].webhooks.gift-events.scheme: not a known word: choose standard, hmac or token`},
	{"webhook standard", good + "    webhooks: {gift-events: {scheme: standard, header: X, token_files: [a]}}\n", `F:7: portals[0].webhooks.gift-events.secret_files: missing: name at least one file that holds the secret
F:7: portals[0].webhooks.gift-events.header: has no meaning in the scheme standard: remove the key
F:7: portals[0].webhooks.gift-events.token_files: has no meaning in the scheme standard: remove the key`},
	{"webhook hmac", good + "    webhooks: {gift-events: {scheme: hmac, algorithm: md5, timestamp_header: a b, secret_files: [a]}}\n", `F:7: portals[0].webhooks.gift-events.header: missing or not the name of a header: write it like X-Signature
F:7: portals[0].webhooks.gift-events.algorithm: not a known word: choose sha256
F:7: portals[0].webhooks.gift-events.encoding: not a known word: choose hex or base64
F:7: portals[0].webhooks.gift-events.timestamp_header: missing or not the name of a header: write it like X-Signature`},
	{"webhook token", good + "    webhooks: {gift-events: {scheme: token, secret_files: [a], prefix: p}}\n", `F:7: portals[0].webhooks.gift-events.token_files: missing: name at least one file that holds the secret
F:7: portals[0].webhooks.gift-events.header: missing or not the name of a header: write it like X-Signature
F:7: portals[0].webhooks.gift-events.prefix: has no meaning in the scheme token: remove the key
F:7: portals[0].webhooks.gift-events.secret_files: has no meaning in the scheme token: remove the key`},
	{"webhook thrive", good + "    webhooks: {zoho-thrive: {}, thyngs: {token_files: [\"\"]}}\n", `F:7: portals[0].webhooks.thyngs.token_files[0]: missing: name the file that holds the secret
F:7: portals[0].webhooks.zoho-thrive.header: missing or not the name of a header: write it like X-Signature
F:7: portals[0].webhooks.zoho-thrive.token_files: missing: name at least one file that holds the secret`},
}
