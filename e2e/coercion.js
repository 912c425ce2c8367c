// Operations whose input a GraphQL server has to take or refuse by the rules of input coercion and of variables
// (GraphQL, sections 3.5 to 3.12, 5.6, 5.8 and 6.1.2), as graphql-js does. RAW: marks a number that JSON.stringify
// would write in another way.

// What the gateway refuses beside that, and why.
export const stricter = {
  'the value of an argument has bounds of its own':
    /^(Int from (negative|largest)|Int literal (-1|2147483647)|String from empty|(String|ID) literal ""|ID from empty)$/,
  'graphql-js sees 1 for 1.0, and 100 for 1e2': /^(Int|ID) from (1\.0|1e2)$/,
  'a filter field is left out, and is not null': /^(String|Boolean) (from|literal) null$/,
};
const G = '05e9a617-0261-4cee-bb44-138d3ef5d965';
export const cases = [];
const c = (name, query, variables) => cases.push({ name, query, variables });
// scalars by variable
const pos = {
  Int: [(t) => `query($v:${t}){users(first:$v){nodes{id}}}`],
  String: [(t) => `query($v:${t}){users(filter:{displayNameStartsWith:$v}){nodes{id}}}`],
  Boolean: [(t) => `query($v:${t}){users(filter:{licensed:$v}){nodes{id}}}`],
  ID: [(t) => `query($v:${t}!){node(id:$v){id}}`],
  UserOrderField: [(t) => `query($v:${t}!){users(orderBy:{field:$v}){nodes{id}}}`],
};
const vals = {
  one: 1,
  negative: -1,
  fraction: 1.5,
  '1.0': 'RAW:1.0',
  '1e2': 'RAW:1e2',
  large: 2147483648,
  largest: 2147483647,
  text: 'a',
  digits: '1',
  empty: '',
  true: true,
  false: false,
  list: [1],
  'list of text': ['a'],
  object: { a: 1 },
  enum: 'DISPLAY_NAME',
  'enum, wrong case': 'display_name',
  'empty list': [],
  guid: G,
  null: null,
};
for (const [t, ps] of Object.entries(pos))
  for (const p of ps) for (const [n, v] of Object.entries(vals)) c(`${t} from ${n}`, p(t), { v });
for (const t of ['Int', 'String', 'Boolean']) c(`${t} absent`, pos[t][0](t), {});
for (const [n, v] of [
  ['absent', {}],
  ['null', { v: null }],
  ['value', { v: 'DISPLAY_NAME' }],
])
  c(`non-null variable, ${n}`, 'query($v:UserOrderField!){users(orderBy:{field:$v}){nodes{id}}}', v);
// literals
const lit = {
  Int: 'users(first:%){nodes{id}}',
  String: 'users(filter:{displayNameStartsWith:%}){nodes{id}}',
  Boolean: 'users(filter:{licensed:%}){nodes{id}}',
  ID: 'node(id:%){id}',
  UserOrderField: 'users(orderBy:{field:%}){nodes{id}}',
};
const lv = [
  '1',
  '-1',
  '1.0',
  '1e2',
  '1.5',
  '2147483647',
  '2147483648',
  '"a"',
  '"1"',
  '""',
  'true',
  'TRUE',
  '[1]',
  '["a"]',
  '{a:1}',
  'DISPLAY_NAME',
  'display_name',
  '"DISPLAY_NAME"',
  'null',
  '[]',
  '"""a"""',
  '$u',
];
for (const [t, q] of Object.entries(lit)) for (const v of lv) c(`${t} literal ${v}`, '{' + q.replace('%', v) + '}');
// nullable variable in a non-null position
for (const [pname, q] of Object.entries({
  'argument with a default': 'query($v:Int){users(first:$v){nodes{id}}}',
  'input field with a default': 'query($v:OrderDirection){users(orderBy:{field:DISPLAY_NAME,direction:$v}){nodes{id}}}',
  'input field with a default, variable with a default':
    'query($v:OrderDirection=DESC){users(orderBy:{field:DISPLAY_NAME,direction:$v}){nodes{id}}}',
  'input field without': 'query($v:UserOrderField){users(orderBy:{field:$v}){nodes{id}}}',
  'input field without, variable with a default':
    'query($v:UserOrderField=DISPLAY_NAME){users(orderBy:{field:$v}){nodes{id}}}',
  'input field without, variable with a null default':
    'query($v:UserOrderField=null){users(orderBy:{field:$v}){nodes{id}}}',
}))
  for (const [n, v] of Object.entries({
    absent: {},
    null: { v: null },
    value: { v: q.includes('Int)') ? 5 : q.includes('Direction') ? 'ASC' : 'USER_PRINCIPAL_NAME' },
  }))
    c(`${pname}: ${n}`, q, v);
for (const [pname, q] of Object.entries({
  argument: 'query($v:ID){node(id:$v){id}}',
  'argument, default': `query($v:ID="${G}"){node(id:$v){id}}`,
  'argument, null default': `query($v:ID=null){node(id:$v){id}}`,
  list: 'query($v:[ID!]){nodes(ids:$v){id}}',
  'list, default': `query($v:[ID!]=["${G}"]){nodes(ids:$v){id}}`,
  'list of nullable': 'query($v:[ID]!){nodes(ids:$v){id}}',
  element: 'query($v:ID){nodes(ids:[$v]){id}}',
  'element, default': `query($v:ID="${G}"){nodes(ids:[$v]){id}}`,
  'element among others, default': `query($v:ID="${G}"){nodes(ids:["${G}",$v]){id}}`,
  'non-null element': `query($v:ID!){nodes(ids:[$v]){id}}`,
  'one for a list': `query($v:ID!){nodes(ids:$v){id}}`,
}))
  for (const [n, v] of Object.entries({
    absent: {},
    null: { v: null },
    one: { v: G },
    list: { v: [G] },
    'list with null': { v: [G, null] },
    'null in a list': { v: [null] },
    'list of lists': { v: [[G]] },
    number: { v: 1 },
    fraction: { v: 1.5 },
    true: { v: true },
  }))
    c(`${pname}: ${n}`, q, v);
// literals of lists
for (const v of ['[]', 'null', '[null]', `["${G}",null]`, `"${G}"`, `[["${G}"]]`, '1', '[1]', '[true]', '[{a:1}]'])
  c(`ids: ${v}`, `{nodes(ids:${v}){id}}`);
// nested input
const al = 'mutation($i:AssignLicenseInput!){assignLicense(input:$i){outcome}}';
const to = { id: G };
const inputs = {
  good: { assignedTo: to },
  absent: undefined,
  null: null,
  text: 'x',
  list: [{ assignedTo: to }],
  'a required field is absent': {},
  'a required field is null': { assignedTo: null },
  'a required field within is null': { assignedTo: { id: null } },
  'and absent': { assignedTo: {} },
  'unknown field': { assignedTo: to, other: 1 },
  'unknown field within': { assignedTo: { id: G, other: 1 } },
  'a field with a default is null': { assignedTo: to, addLicenses: null },
  'the other one': { assignedTo: to, removeLicenses: null },
  'enum with a default is null': { assignedTo: { id: G, type: null } },
  'enum of the wrong case': { assignedTo: { id: G, type: 'user' } },
  enum: { assignedTo: { id: G, type: 'GROUP' } },
  'enum by number': { assignedTo: { id: G, type: 1 } },
  'one for a list': { assignedTo: to, addLicenses: { skuId: G } },
  'one for a list of ids': { assignedTo: to, removeLicenses: G },
  'null in a list': { assignedTo: to, addLicenses: [null] },
  'null in a list of ids': { assignedTo: to, removeLicenses: [null] },
  'null in a field of a list': { assignedTo: to, addLicenses: [{ skuId: null }] },
  'list with a default within is null': { assignedTo: to, addLicenses: [{ skuId: G, disabledPlans: null }] },
  'null in a list within': { assignedTo: to, addLicenses: [{ skuId: G, disabledPlans: [null] }] },
  'one text for a list within': { assignedTo: to, addLicenses: [{ skuId: G, disabledPlans: 'SWAY' }] },
  'number for a text within': { assignedTo: to, addLicenses: [{ skuId: G, disabledPlans: [1] }] },
  'list of lists': { assignedTo: to, addLicenses: [[{ skuId: G }]] },
  'number for an id': { assignedTo: { id: 5 } },
  'fraction for an id': { assignedTo: { id: 5.5 } },
  'true for an id': { assignedTo: { id: true } },
  'object for an id': { assignedTo: { id: {} } },
  'list for an id': { assignedTo: { id: [G] } },
};
for (const [n, i] of Object.entries(inputs)) c(`input: ${n}`, al, i === undefined ? {} : { i });
// variables inside a literal input
const inside = {
  'plans, nullable': ['$v:[String!]', 'disabledPlans:$v'],
  'plans, nullable elements': ['$v:[String]', 'disabledPlans:$v'],
  'plans, non-null': ['$v:[String!]!', 'disabledPlans:$v'],
  'plan, nullable': ['$v:String', 'disabledPlans:[$v]'],
  'plan, default': ['$v:String="SWAY"', 'disabledPlans:[$v]'],
  'one plan': ['$v:String!', 'disabledPlans:$v'],
  'plans, default': ['$v:[String!]=["SWAY"]', 'disabledPlans:$v'],
  'plans, null default': ['$v:[String!]=null', 'disabledPlans:$v'],
};
for (const [n, [d, f]] of Object.entries(inside))
  for (const [m, v] of Object.entries({
    absent: {},
    null: { v: null },
    list: { v: ['SWAY'] },
    text: { v: 'SWAY' },
    'list with null': { v: ['SWAY', null] },
    empty: { v: [] },
    number: { v: 1 },
  }))
    c(
      `inside: ${n}: ${m}`,
      `mutation(${d}){assignLicense(input:{assignedTo:{id:"${G}"},addLicenses:[{skuId:"${G}",${f}}]}){outcome}}`,
      v,
    );
for (const [n, d, f] of [
  ['whole list', '$v:[AddLicenseInput!]', 'addLicenses:$v'],
  ['element', '$v:AddLicenseInput!', 'addLicenses:[$v]'],
  ['nullable element', '$v:AddLicenseInput', 'addLicenses:[$v]'],
  ['type', '$v:AssigneeType', 'assignedTo:{id:"' + G + '",type:$v}'],
  ['type, default', '$v:AssigneeType=GROUP', 'assignedTo:{id:"' + G + '",type:$v}'],
  ['assignee', '$v:AssigneeInput', 'assignedTo:$v'],
  ['assignee, non-null', '$v:AssigneeInput!', 'assignedTo:$v'],
])
  for (const [m, v] of Object.entries({
    absent: {},
    null: { v: null },
    one: { v: n.startsWith('type') ? 'USER' : n.startsWith('assignee') ? { id: G } : { skuId: G } },
    list: { v: [{ skuId: G }] },
    'null plans': { v: { skuId: G, disabledPlans: null } },
    'null id': { v: { id: null } },
  }))
    c(
      `inside: ${n}: ${m}`,
      `mutation(${d}){assignLicense(input:{${f.startsWith('assignedTo') ? '' : 'assignedTo:{id:"' + G + '"},'}${f}}){outcome}}`,
      v,
    );
// literals
for (const f of [
  'disabledPlans:null',
  'disabledPlans:[null]',
  'disabledPlans:"SWAY"',
  'disabledPlans:[1]',
  'disabledPlans:SWAY',
  'other:1',
])
  c(
    `literal: ${f}`,
    `mutation{assignLicense(input:{assignedTo:{id:"${G}"},addLicenses:[{skuId:"${G}",${f}}]}){outcome}}`,
  );
for (const f of [
  'assignedTo:null',
  'assignedTo:{}',
  'assignedTo:{id:null}',
  'assignedTo:{id:"' + G + '",type:null}',
  'assignedTo:{id:"' + G + '",type:"USER"}',
  'assignedTo:{id:"' + G + '",type:USER}',
  'assignedTo:{id:"' + G + '"},addLicenses:null',
  'assignedTo:{id:"' + G + '"},addLicenses:{skuId:"' + G + '"}',
  'assignedTo:{id:"' + G + '"},removeLicenses:null',
  'assignedTo:{id:"' + G + '"},removeLicenses:"' + G + '"',
  'assignedTo:{id:"' + G + '"},removeLicenses:[null]',
])
  c(`literal: ${f}`, `mutation{assignLicense(input:{${f}}){outcome}}`);
c('literal: input null', 'mutation{assignLicense(input:null){outcome}}');
c('no input', 'mutation{assignLicense{outcome}}');
// directives
for (const d of ['skip', 'include'])
  for (const [n, t, v] of [
    ['true', 'Boolean!', { v: true }],
    ['null', 'Boolean!', { v: null }],
    ['absent', 'Boolean!', {}],
    ['nullable', 'Boolean', { v: true }],
    ['nullable with a default', 'Boolean=true', {}],
    ['nullable with a default, null', 'Boolean=true', { v: null }],
    ['text', 'Boolean!', { v: 'true' }],
    ['number', 'Boolean!', { v: 1 }],
  ])
    c(`@${d}: ${n}`, `query($v:${t}){users(first:1){nodes{id @${d}(if:$v) displayName}}}`, v);
for (const v of ['null', '"true"', '1', 'true'])
  c(`@skip literal ${v}`, `{users(first:1){nodes{id @skip(if:${v}) displayName}}}`);
// where a variable may stand
for (const [n, q] of Object.entries({
  'Int for String': 'query($v:Int){users(filter:{displayNameStartsWith:$v}){nodes{id}}}',
  'String for ID': 'query($v:String){user(id:$v){id}}',
  'ID for String': 'query($v:ID){users(filter:{displayNameStartsWith:$v}){nodes{id}}}',
  'Int for ID': 'query($v:Int){user(id:$v){id}}',
  'String for an enum': 'query($v:String!){users(orderBy:{field:$v}){nodes{id}}}',
  'list for one': 'query($v:[Int]){users(first:$v){nodes{id}}}',
  undefined: '{users(first:$v){nodes{id}}}',
  unused: 'query($v:Int){users{nodes{id}}}',
  twice: 'query($v:Int,$v:Int){users(first:$v){nodes{id}}}',
  'object type': 'query($v:User){users{nodes{id}}}',
  'unknown type': 'query($v:Nothing){users{nodes{id}}}',
  'default of another type': 'query($v:Int="a"){users(first:$v){nodes{id}}}',
  'null for a default of a non-null variable': 'query($v:Int!=null){users(first:$v){nodes{id}}}',
  'default of a non-null variable': 'query($v:Int!=3){users(first:$v){nodes{id}}}',
  'default within an input': 'query($v:UserOrder={field:DISPLAY_NAME,direction:null}){users(orderBy:$v){nodes{id}}}',
  'default with an unknown field': 'query($v:UserOrder={field:DISPLAY_NAME,other:1}){users(orderBy:$v){nodes{id}}}',
  'default without a required field': 'query($v:UserOrder={direction:ASC}){users(orderBy:$v){nodes{id}}}',
  'default by one for a list': 'query($v:[ID!]="x"){nodes(ids:$v){id}}',
  'unknown argument': '{users(frist:1){nodes{id}}}',
  'argument twice': '{users(first:1,first:2){nodes{id}}}',
  'input field twice': '{users(filter:{licensed:true,licensed:true}){nodes{id}}}',
}))
  c(`use: ${n}`, q, {});
for (const [n, v] of Object.entries({
  null: { v: null },
  'nullable order': { v: { field: 'DISPLAY_NAME' } },
  'direction null': { v: { field: 'DISPLAY_NAME', direction: null } },
  'field null': { v: { field: null } },
  'unknown field': { v: { field: 'DISPLAY_NAME', x: 1 } },
  text: { v: 'DISPLAY_NAME' },
}))
  c(`order: ${n}`, 'query($v:UserOrder){users(orderBy:$v){nodes{id}}}', v);
c('more variables than are defined', 'query($v:Int){users(first:$v){nodes{id}}}', { v: 1, w: 2 });
c(
  'variable in a fragment',
  'query($v:[String!]){users{nodes{...f}}} fragment f on User{usageRights(skuIds:$v){id}}',
  {},
);
c(
  'variable in a fragment, of the right type',
  'query($v:[UUID!]){users(first:1){nodes{...f}}} fragment f on User{usageRights(skuIds:$v){id}}',
  { v: null },
);
c(
  'null element for a list in a fragment',
  'query($v:[UUID!]){users(first:1){nodes{...f}}} fragment f on User{usageRights(skuIds:$v){id}}',
  { v: [null] },
);
c(
  'variable of a fragment, element null',
  'query($v:UUID="' + G + '"){users(first:1){nodes{...f}}} fragment f on User{usageRights(skuIds:[$v]){id}}',
  { v: null },
);
