package tenant

import "strings"

// A culture is a location with typical names, each with an ASCII form for the
// user principal name.
type culture struct {
	location   string // ISO 3166 alpha-2
	country    string
	city       string
	state      string
	language   string
	region     string // key of the regional group
	surname1st bool
	given      string // such as "Jürgen:juergen Anna:anna"
	family     string
}

var cultures = []culture{
	{"DE", "Germany", "München", "Bayern", "de-DE", "emea", false, "Jürgen:juergen Anneliese:anneliese Björn:bjoern Käthe:kaethe Lukas:lukas Zoë:zoe Günter:guenter Frieda:frieda", "Müller:mueller Weiß:weiss Schröder:schroeder Krämer:kraemer Vogt:vogt Böhm:boehm Jäger:jaeger Lindner:lindner"},
	{"FR", "France", "Lyon", "Auvergne-Rhône-Alpes", "fr-FR", "emea", false, "Hélène:helene François:francois Chloé:chloe Jérôme:jerome Maëlle:maelle Benoît:benoit Inès:ines Gaëtan:gaetan", "Lefèvre:lefevre Béranger:beranger Nguyễn:nguyen Garçon:garcon Delacroix:delacroix Moreau:moreau Çelik:celik Guérin:guerin"},
	{"ES", "Spain", "Bilbao", "Euskadi", "es-ES", "emea", false, "Íñigo:inigo María:maria José:jose Begoña:begona Andrés:andres Lucía:lucia Ángel:angel Núria:nuria", "Muñoz:munoz Peña:pena Ibáñez:ibanez García:garcia Núñez:nunez Vázquez:vazquez Güell:guell Serra:serra"},
	{"PL", "Poland", "Kraków", "Małopolskie", "pl-PL", "emea", false, "Łukasz:lukasz Małgorzata:malgorzata Grażyna:grazyna Paweł:pawel Zofia:zofia Stanisław:stanislaw Jagoda:jagoda Michał:michal", "Wójcik:wojcik Dąbrowska:dabrowska Zając:zajac Kaźmierczak:kazmierczak Łuczak:luczak Górska:gorska Świątek:swiatek Nowak:nowak"},
	{"CZ", "Czechia", "Brno", "Jihomoravský kraj", "cs-CZ", "emea", false, "Jiří:jiri Božena:bozena Ondřej:ondrej Žofie:zofie Matěj:matej Lucie:lucie Štěpán:stepan Věra:vera", "Dvořák:dvorak Němcová:nemcova Říha:riha Šťastný:stastny Žižka:zizka Černá:cerna Kučera:kucera Hašková:haskova"},
	{"TR", "Türkiye", "İzmir", "İzmir", "tr-TR", "emea", false, "İpek:ipek Şükrü:sukru Çağla:cagla Oğuz:oguz Gülşen:gulsen Işıl:isil Barış:baris Defne:defne", "Yıldız:yildiz Öztürk:ozturk Şahin:sahin Çelik:celik Doğan:dogan Gündüz:gunduz Aksoy:aksoy Ünal:unal"},
	{"GB", "United Kingdom", "Leeds", "England", "en-GB", "emea", false, "Siobhán:siobhan Oliver:oliver Niamh:niamh Priya:priya Ewan:ewan Zadie:zadie Rhys:rhys Amelia:amelia", "O'Connor:oconnor Whitfield:whitfield Okafor:okafor Llewellyn:llewellyn Ó Briain:obriain Marsh:marsh Adeyemi:adeyemi Kerr:kerr"},
	{"US", "United States", "Seattle", "WA", "en-US", "americas", false, "Grace:grace Malik:malik Dolores:dolores Ethan:ethan Keoni:keoni Ruth:ruth Xochitl:xochitl Wyatt:wyatt", "Hopper:hopper Begay:begay Castañeda:castaneda Lindqvist:lindqvist Tran:tran Washington:washington Kealoha:kealoha Stein:stein"},
	{"BR", "Brazil", "São Paulo", "SP", "pt-BR", "americas", false, "João:joao Conceição:conceicao Cauã:caua Luísa:luisa Antônio:antonio Inês:ines Thaís:thais Otávio:otavio", "Gonçalves:goncalves Assunção:assuncao Araújo:araujo Guimarães:guimaraes Patrício:patricio Brandão:brandao Lins:lins Sá:sa"},
	{"MX", "Mexico", "Guadalajara", "Jalisco", "es-MX", "americas", false, "Itzel:itzel Raúl:raul Citlali:citlali Óscar:oscar Ximena:ximena Jesús:jesus Belén:belen Ramón:ramon", "Hernández:hernandez Xicoténcatl:xicotencatl Ordóñez:ordonez Zúñiga:zuniga Ríos:rios Cárdenas:cardenas Treviño:trevino Solís:solis"},
	{"GR", "Greece", "Θεσσαλονίκη", "Κεντρική Μακεδονία", "el-GR", "emea", false, "Ελένη:eleni Γιώργος:giorgos Δήμητρα:dimitra Σπύρος:spyros Θάλεια:thaleia Κώστας:kostas Ξένια:xenia Πέτρος:petros", "Παπαδοπούλου:papadopoulou Ιωάννου:ioannou Χατζής:chatzis Αθανασίου:athanasiou Ψαρρά:psarra Γεωργίου:georgiou Ωραιόπουλος:oraiopoulos Βλάχου:vlachou"},
	{"UA", "Ukraine", "Львів", "Львівська область", "uk-UA", "emea", false, "Олена:olena Тарас:taras Ярослава:yaroslava Ганна:hanna Андрій:andrii Соломія:solomiia Богдан:bohdan Юлія:yuliia", "Шевченко:shevchenko Ковальчук:kovalchuk Гнатюк:hnatiuk Щербак:shcherbak Єфименко:yefymenko Бондар:bondar Литвин:lytvyn Франко:franko"},
	{"BG", "Bulgaria", "Пловдив", "Пловдив", "bg-BG", "emea", false, "Йорданка:yordanka Христо:hristo Цветана:tsvetana Стоян:stoyan Милена:milena Георги:georgi Рада:rada Петър:petar", "Димитров:dimitrov Ангелова:angelova Желязков:zhelyazkov Щерева:shtereva Цонев:tsonev Ганева:ganeva Ботев:botev Вазова:vazova"},
	{"EG", "Egypt", "القاهرة", "القاهرة", "ar-EG", "emea", false, "أحمد:ahmed فاطمة:fatma محمود:mahmoud نورهان:nourhan يوسف:youssef مريم:mariam خالد:khaled هدى:hoda", "السيد:elsayed منصور:mansour عبد الله:abdallah شاهين:shahin حسن:hassan زكي:zaki فهمي:fahmy رمضان:ramadan"},
	{"AE", "United Arab Emirates", "دبي", "دبي", "ar-AE", "emea", false, "سلطان:sultan شيخة:shaikha راشد:rashid مهرة:mahra حمدان:hamdan لطيفة:latifa سعيد:saeed عائشة:aisha", "الفلاسي:alfalasi المري:almarri الكعبي:alkaabi الشامسي:alshamsi النعيمي:alnuaimi المهيري:almheiri الظاهري:aldhaheri السويدي:alsuwaidi"},
	{"IL", "Israel", "חיפה", "חיפה", "he-IL", "emea", false, "נועה:noa איתן:eitan תמר:tamar יונתן:yonatan שירה:shira אורי:uri מיכל:michal דוד:david", "כהן:cohen לוי:levi מזרחי:mizrahi פרידמן:friedman ביטון:biton אברהם:avraham שפירא:shapira גולן:golan"},
	{"CN", "China", "上海", "上海市", "zh-CN", "apac", true, "伟:wei 秀英:xiuying 梓涵:zihan 建国:jianguo 静怡:jingyi 浩然:haoran 雨桐:yutong 志强:zhiqiang", "王:wang 李:li 欧阳:ouyang 张:zhang 刘:liu 陈:chen 诸葛:zhuge 赵:zhao"},
	{"JP", "Japan", "大阪市", "大阪府", "ja-JP", "apac", true, "さくら:sakura 健一:kenichi 陽菜:hina 翔太:shota 美咲:misaki 大輔:daisuke 葵:aoi 直樹:naoki", "佐藤:sato 鈴木:suzuki 髙橋:takahashi 渡邉:watanabe 小林:kobayashi 伊藤:ito 山﨑:yamazaki 森:mori"},
	{"KR", "Korea", "부산", "부산광역시", "ko-KR", "apac", true, "서연:seoyeon 민준:minjun 지우:jiwoo 도윤:doyoon 하은:haeun 현우:hyunwoo 수빈:subin 준호:junho", "김:kim 이:lee 박:park 최:choi 정:jung 황보:hwangbo 강:kang 윤:yoon"},
	{"IN", "India", "बेंगलुरु", "कर्नाटक", "hi-IN", "apac", false, "आरव:aarav प्रिया:priya विवेक:vivek अनन्या:ananya रोहित:rohit दीपिका:deepika अर्जुन:arjun मीरा:meera", "शर्मा:sharma पटेल:patel अय्यर:iyer सिंह:singh देशमुख:deshmukh चौधरी:chaudhary कुलकर्णी:kulkarni नायर:nair"},
	{"TH", "Thailand", "เชียงใหม่", "เชียงใหม่", "th-TH", "apac", false, "สมชาย:somchai มาลี:malee กิตติ:kitti พิมพ์ชนก:pimchanok อนันต์:anan ชลธิชา:chonthicha ธนพล:thanapol ดวงใจ:duangjai", "ใจดี:jaidee ศรีสุข:srisuk วงศ์ไทย:wongthai ทองคำ:thongkham บุญมี:boonmee แก้วมณี:kaewmanee สุวรรณ:suwan พงษ์ดี:phongdee"},
	{"VN", "Vietnam", "Đà Nẵng", "Đà Nẵng", "vi-VN", "apac", true, "Thị Hương:huong Quốc Bảo:bao Minh Châu:chau Đức Anh:anh Ngọc Ánh:anhngoc Văn Dũng:dung Thùy Linh:linh Hữu Phước:phuoc", "Nguyễn:nguyen Trần:tran Phạm:pham Đặng:dang Huỳnh:huynh Võ:vo Bùi:bui Lê:le"},
}

// names splits "Jürgen:juergen Ó Briain:obriain" into pairs. A name may
// contain spaces: each pair ends with its ASCII form.
func names(list string) (shown, ascii []string) {
	for list != "" {
		name, rest, _ := strings.Cut(list, ":")
		plain, rest, _ := strings.Cut(rest, " ")
		shown, ascii, list = append(shown, name), append(ascii, plain), rest
	}
	return shown, ascii
}

// A department with its job titles. The last departments are shops and
// warehouses.
type department struct {
	name       string
	titles     []string
	costCenter string
	division   string
	company    string // "": that of the region
}

// companies are the companies of the tenant, by region.
var companies = map[string]string{"emea": "Licensegraph Europe", "americas": "Licensegraph Americas", "apac": "Licensegraph Asia Pacific"}

var (
	officeDepartments = []department{
		{"Engineering", []string{"Software Engineer", "Principal Engineer", "Engineering Manager", "Test Engineer"}, "2100", "Product", ""},
		{"Sales", []string{"Account Executive", "Regional Sales Manager", "Sales Operations Analyst"}, "3100", "Commercial", ""},
		{"Finance", []string{"Controller", "Accountant", "Treasury Analyst"}, "1200", "Corporate", ""},
		{"Human Resources", []string{"HR Business Partner", "Recruiter", "Payroll Specialist"}, "1300", "Corporate", ""},
		{"Legal", []string{"Counsel", "Paralegal", "Data Protection Officer"}, "1400", "Corporate", ""},
		{"Marketing", []string{"Content Strategist", "Brand Manager", "Event Producer"}, "3200", "Commercial", ""},
		{"Customer Support", []string{"Support Specialist", "Escalation Engineer", "Support Team Lead"}, "3300", "Commercial", ""},
		{"Information Technology", []string{"Systems Administrator", "Service Desk Analyst", "Identity Engineer"}, "1500", "Corporate", ""},
	}
	leadership   = department{"Leadership", []string{"Vice President", "Chief of Staff", "Regional Director"}, "1100", "Corporate", ""}
	shopFloor    = department{"Retail", []string{"Store Associate", "Store Manager", "Visual Merchandiser"}, "4100", "Operations", ""}
	warehouse    = department{"Logistics", []string{"Forklift Operator", "Inventory Clerk", "Shift Supervisor"}, "4200", "Operations", ""}
	subsidiary   = department{"Subsidiary", []string{"Office Manager", "Project Coordinator", "Bookkeeper"}, "5100", "Subsidiary", "Θυγατρική"}
	collaborator = department{"", []string{""}, "", "", "Partner"}
)
