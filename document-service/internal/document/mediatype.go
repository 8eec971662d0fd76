package document

import "strings"

// A fileType describes a media type that may be uploaded.
type fileType struct {
	name       string   // for people
	families   []string // families that clients may declare; the first is the family of the type
	extensions []string // the allowed extensions; the first is the default
	optional   bool     // only allowed if ALLOWED_TYPES contains it
}

// The families. A declared type counts only against a file of other families.
const (
	office  = "office"
	image   = "image"
	textual = "text"
	cad     = "cad"
	zipped  = "archive"
	mail    = "mail"
	video   = "video"
)

const (
	ole       = "application/x-ole-storage" // the directory of such a file may be at its end, so its head does not show the exact type
	word      = "application/msword"
	excel     = "application/vnd.ms-excel"
	slides    = "application/vnd.ms-powerpoint"
	csv       = "text/csv"
	tsv       = "text/tab-separated-values"
	markdown  = "text/markdown"
	plainText = "text/plain"
	jsonText  = "application/json"
	xmlText   = "application/xml"
	step      = "model/step"
	stl       = "model/stl"
	dxf       = "image/vnd.dxf"
	eml       = "message/rfc822"
	svg       = "image/svg+xml"
	html      = "text/html"             // not allowed
	xhtml     = "application/xhtml+xml" // not allowed
	unknown   = "application/octet-stream"
)

func extensions(list string) []string { return strings.Fields(list) }

// fileTypes are the media types that may be uploaded.
var fileTypes = map[string]fileType{
	"application/pdf": {"PDF", []string{"pdf"}, extensions(".pdf"), false},
	"image/jpeg":      {"JPEG", []string{image}, extensions(".jpg .jpeg .jpe .jfif"), false},
	"image/png":       {"PNG", []string{image}, extensions(".png"), false},
	"image/gif":       {"GIF", []string{image}, extensions(".gif"), false},
	"image/webp":      {"WebP", []string{image}, extensions(".webp"), false},
	"image/avif":      {"AVIF", []string{image}, extensions(".avif"), false},
	"image/tiff":      {"TIFF", []string{image}, extensions(".tif .tiff"), false},
	"image/heic":      {"HEIC", []string{image}, extensions(".heic .heif .hif"), false},
	"image/heif":      {"HEIF", []string{image}, extensions(".heif .heic .hif"), false},
	"image/svg+xml":   {"SVG", []string{image, textual}, extensions(".svg"), false},

	plainText: {"text", []string{textual}, extensions(".txt .text .csv .tsv .md .markdown .log .ndjson .jsonl .step .stp"), false}, // .csv and so on: stored by earlier releases
	csv:       {"CSV", []string{textual}, extensions(".csv"), false},
	tsv:       {"TSV", []string{textual}, extensions(".tsv .tab"), false},
	markdown:  {"Markdown", []string{textual}, extensions(".md .markdown"), false},
	jsonText:  {"JSON", []string{textual}, extensions(".json .jsonld .geojson"), false},
	xmlText:   {"XML", []string{textual}, extensions(".xml .xsd .rdf .owl .aml"), false},

	word:              {"Word", []string{office}, extensions(".doc .dot"), false},
	excel:             {"Excel", []string{office, textual}, extensions(".xls .xlt"), false},
	"application/rtf": {"RTF", []string{office, textual}, extensions(".rtf"), false},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   {"DOCX", []string{office, zipped}, extensions(".docx"), false},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         {"XLSX", []string{office, zipped}, extensions(".xlsx"), false},
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": {"PPTX", []string{office, zipped}, extensions(".pptx"), false},
	"application/vnd.oasis.opendocument.text":                                   {"ODT", []string{office, zipped}, extensions(".odt"), false},
	"application/vnd.oasis.opendocument.spreadsheet":                            {"ODS", []string{office, zipped}, extensions(".ods"), false},
	"application/vnd.oasis.opendocument.presentation":                           {"ODP", []string{office, zipped}, extensions(".odp"), false},

	step:                  {"STEP", []string{cad, textual}, extensions(".step .stp .p21"), false},
	stl:                   {"STL", []string{cad, textual}, extensions(".stl"), false},
	dxf:                   {"DXF", []string{cad, image, textual}, extensions(".dxf"), false},
	"image/vnd.dwg":       {"DWG", []string{cad, image}, extensions(".dwg"), false},
	"application/zip":     {"ZIP", []string{zipped}, extensions(".zip"), false},
	"application/aas+zip": {"AASX", []string{zipped}, extensions(".aasx"), false},
	eml:                   {"EML", []string{mail, textual}, extensions(".eml"), false},

	slides:                       {"PowerPoint", []string{office}, extensions(".ppt .pps"), true},
	"application/vnd.ms-outlook": {"Outlook", []string{mail, office}, extensions(".msg"), true},
	"application/vnd.oasis.opendocument.graphics": {"ODG", []string{office, zipped}, extensions(".odg"), true},
	"application/x-7z-compressed":                 {"7z", []string{zipped}, extensions(".7z"), true},
	"application/gzip":                            {"gzip", []string{zipped}, extensions(".gz .tgz"), true},
	"application/x-tar":                           {"tar", []string{zipped}, extensions(".tar"), true},
	"application/vnd.apache.parquet":              {"Parquet", []string{"data"}, extensions(".parquet"), true},
	"image/bmp":                                   {"BMP", []string{image}, extensions(".bmp"), true},
	"image/jxl":                                   {"JPEG XL", []string{image}, extensions(".jxl"), true},
	"model/gltf-binary":                           {"glTF", []string{cad}, extensions(".glb"), true},
	"video/mp4":                                   {"MP4", []string{video}, extensions(".mp4 .m4v"), true},
	"video/quicktime":                             {"QuickTime", []string{video}, extensions(".mov"), true},
	"video/webm":                                  {"WebM", []string{video}, extensions(".webm"), true},
}

// textTypes are the types of text, which are interchangeable, the most specific ones first.
var textTypes = []string{csv, tsv, markdown, jsonText, xmlText, eml, plainText}

// aliases maps other names of media types, which clients declare or the detection finds, to
// the names in fileTypes.
var aliases = map[string]string{
	"application/x-pdf": "application/pdf", "application/acrobat": "application/pdf", "text/pdf": "application/pdf",
	"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/jfif": "image/jpeg", "image/x-png": "image/png", "image/apng": "image/png",
	"image/heic-sequence": "image/heic", "image/heif-sequence": "image/heif", "image/tif": "image/tiff", "image/x-ms-bmp": "image/bmp",
	"application/x-msword": word, "application/doc": word,
	"application/excel": excel, "application/x-excel": excel, "application/x-msexcel": excel, "application/msexcel": excel, "application/xls": excel,
	"application/mspowerpoint": slides,
	"text/rtf":                 "application/rtf", "application/x-rtf": "application/rtf", "text/richtext": "application/rtf",
	"text/x-csv": csv, "application/csv": csv, "application/x-csv": csv, "text/comma-separated-values": csv, "text/x-comma-separated-values": csv,
	"text/tsv": tsv, "text/x-markdown": markdown,
	"text/json": jsonText, "application/ld+json": jsonText, "application/geo+json": jsonText, "model/gltf+json": jsonText, "application/vnd.cyclonedx+json": jsonText,
	"text/xml": xmlText, "application/rss+xml": xmlText, "application/atom+xml": xmlText, "application/gml+xml": xmlText, "application/gpx+xml": xmlText,
	"application/owl+xml": xmlText, "application/rdf+xml": xmlText, "application/vnd.google-earth.kml+xml": xmlText, "model/vnd.collada+xml": xmlText,
	"model/x3d+xml": xmlText, "application/x-xliff+xml": xmlText, "application/vnd.cyclonedx+xml": xmlText, "application/vnd.garmin.tcx+xml": xmlText,
	"application/x-amf": xmlText, "application/vnd.ms-package.3dmanufacturing-3dmodel+xml": xmlText, "application/vnd.adobe.xfdf": xmlText,
	// The content of these begins like that of another text: it may be a list, or a log.
	"application/x-ndjson": plainText, "application/x-subrip": plainText, "text/vtt": plainText, "text/calendar": plainText, "text/vcard": plainText,
	"text/vnd.familysearch.gedcom": plainText, "application/warc": plainText, "text/x-log": plainText,
	"image/x-portable-bitmap": plainText, "image/x-portable-graymap": plainText, "image/x-portable-pixmap": plainText, "image/x-portable-arbitrarymap": plainText,
	"application/step": step, "application/x-step": step, "application/p21": step, "model/step+xml": step,
	"application/sla": stl, "application/vnd.ms-pki.stl": stl, "model/x.stl-ascii": stl, "model/x.stl-binary": stl, "application/x-navistyle": stl,
	"application/dxf": dxf, "application/x-dxf": dxf, "image/x-dxf": dxf, "drawing/dxf": dxf,
	"application/acad": "image/vnd.dwg", "application/x-acad": "image/vnd.dwg", "application/dwg": "image/vnd.dwg", "application/x-dwg": "image/vnd.dwg", "image/x-dwg": "image/vnd.dwg", "drawing/dwg": "image/vnd.dwg",
	"application/x-zip": "application/zip", "application/x-zip-compressed": "application/zip",
	"application/asset-administration-shell-package": "application/aas+zip", "application/asset-administration-shell-package+xml": "application/aas+zip",
	"application/eml": eml,
}
