// Package page renders portal statistics as one HTML file that needs nothing
// else: no network, no other file, and no script for the numbers.
//
// [Write] makes the whole file, for GET / and for "stats --format html". It holds
// every number of the reports in tables with small bars, which the server draws,
// and beside each its definition. Where scripts run, charts are added to them,
// whose values stand in the file as JSON. [WriteNumbers] makes the part that a
// page which is served fetches again and again.
//
// # What others wrote
//
// Names and addresses are text of others. html/template escapes them for where
// they stand, [stats.Visible] shows what could turn around or hide the text beside
// it, and [Policy] lets the browser run and apply only what stands in assets,
// by digest.
//
// # Where to look
//
// page.go has what a page is, overview.go the numbers that are shown large,
// sections.go, lists.go and live.go the tables, table.go their cells and bars,
// chart.go the values of charts. In assets, page.html is the template, style.css
// the looks, page.js what moves, and echarts.js a library that .ci/echarts/build
// makes.
package page
