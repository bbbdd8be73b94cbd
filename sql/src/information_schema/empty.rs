//! Relations of `information_schema` that are always empty here.

use crate::pg_catalog::Definition;

/// name, oid, columns
type Row = (&'static str, u32, &'static str);

#[rustfmt::skip]
const EMPTY: &[Row] = &[
    ("attributes", 13245, "\
      udt_catalog:name udt_schema:name udt_name:name attribute_name:name ordinal_position:int4 \
      attribute_default:varchar is_nullable:varchar/7 data_type:varchar \
      character_maximum_length:int4 character_octet_length:int4 character_set_catalog:name \
      character_set_schema:name character_set_name:name collation_catalog:name \
      collation_schema:name collation_name:name numeric_precision:int4 \
      numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 \
      interval_type:varchar interval_precision:int4 attribute_udt_catalog:name \
      attribute_udt_schema:name attribute_udt_name:name scope_catalog:name scope_schema:name \
      scope_name:name maximum_cardinality:int4 dtd_identifier:name \
      is_derived_reference_attribute:varchar/7"),
    ("check_constraint_routine_usage", 13255, "\
      constraint_catalog:name constraint_schema:name constraint_name:name specific_catalog:name \
      specific_schema:name specific_name:name"),
    ("column_column_usage", 13275, "\
      table_catalog:name table_schema:name table_name:name column_name:name \
      dependent_column:name"),
    ("column_domain_usage", 13280, "\
      domain_catalog:name domain_schema:name domain_name:name table_catalog:name \
      table_schema:name table_name:name column_name:name"),
    ("column_options", 13503, "\
      table_catalog:name table_schema:name table_name:name column_name:name option_name:name \
      option_value:varchar"),
    ("column_udt_usage", 13290, "\
      udt_catalog:name udt_schema:name udt_name:name table_catalog:name table_schema:name \
      table_name:name column_name:name"),
    ("data_type_privileges", 13488, "\
      object_catalog:name object_schema:name object_name:name object_type:varchar \
      dtd_identifier:name"),
    ("domain_constraints", 13310, "\
      constraint_catalog:name constraint_schema:name constraint_name:name domain_catalog:name \
      domain_schema:name domain_name:name is_deferrable:varchar/7 initially_deferred:varchar/7"),
    ("domain_udt_usage", 13315, "\
      udt_catalog:name udt_schema:name udt_name:name domain_catalog:name domain_schema:name \
      domain_name:name"),
    ("domains", 13320, "\
      domain_catalog:name domain_schema:name domain_name:name data_type:varchar \
      character_maximum_length:int4 character_octet_length:int4 character_set_catalog:name \
      character_set_schema:name character_set_name:name collation_catalog:name \
      collation_schema:name collation_name:name numeric_precision:int4 \
      numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 \
      interval_type:varchar interval_precision:int4 domain_default:varchar udt_catalog:name \
      udt_schema:name udt_name:name scope_catalog:name scope_schema:name scope_name:name \
      maximum_cardinality:int4 dtd_identifier:name"),
    ("foreign_data_wrapper_options", 13511, "\
      foreign_data_wrapper_catalog:name foreign_data_wrapper_name:name option_name:name \
      option_value:varchar"),
    ("foreign_data_wrappers", 13515, "\
      foreign_data_wrapper_catalog:name foreign_data_wrapper_name:name \
      authorization_identifier:name library_name:varchar foreign_data_wrapper_language:varchar"),
    ("foreign_server_options", 13524, "\
      foreign_server_catalog:name foreign_server_name:name option_name:name \
      option_value:varchar"),
    ("foreign_servers", 13528, "\
      foreign_server_catalog:name foreign_server_name:name foreign_data_wrapper_catalog:name \
      foreign_data_wrapper_name:name foreign_server_type:varchar foreign_server_version:varchar \
      authorization_identifier:name"),
    ("foreign_table_options", 13537, "\
      foreign_table_catalog:name foreign_table_schema:name foreign_table_name:name \
      option_name:name option_value:varchar"),
    ("foreign_tables", 13541, "\
      foreign_table_catalog:name foreign_table_schema:name foreign_table_name:name \
      foreign_server_catalog:name foreign_server_name:name"),
    ("parameters", 13334, "\
      specific_catalog:name specific_schema:name specific_name:name ordinal_position:int4 \
      parameter_mode:varchar is_result:varchar/7 as_locator:varchar/7 parameter_name:name \
      data_type:varchar character_maximum_length:int4 character_octet_length:int4 \
      character_set_catalog:name character_set_schema:name character_set_name:name \
      collation_catalog:name collation_schema:name collation_name:name numeric_precision:int4 \
      numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 \
      interval_type:varchar interval_precision:int4 udt_catalog:name udt_schema:name \
      udt_name:name scope_catalog:name scope_schema:name scope_name:name \
      maximum_cardinality:int4 dtd_identifier:name parameter_default:varchar"),
    ("role_udt_grants", 13450, "\
      grantor:name grantee:name udt_catalog:name udt_schema:name udt_name:name \
      privilege_type:varchar is_grantable:varchar/7"),
    ("routine_column_usage", 13348, "\
      specific_catalog:name specific_schema:name specific_name:name routine_catalog:name \
      routine_schema:name routine_name:name table_catalog:name table_schema:name \
      table_name:name column_name:name"),
    ("routine_routine_usage", 13362, "\
      specific_catalog:name specific_schema:name specific_name:name routine_catalog:name \
      routine_schema:name routine_name:name"),
    ("routine_sequence_usage", 13367, "\
      specific_catalog:name specific_schema:name specific_name:name routine_catalog:name \
      routine_schema:name routine_name:name sequence_catalog:name sequence_schema:name \
      sequence_name:name"),
    ("routine_table_usage", 13372, "\
      specific_catalog:name specific_schema:name specific_name:name routine_catalog:name \
      routine_schema:name routine_name:name table_catalog:name table_schema:name \
      table_name:name"),
    ("routines", 13377, "\
      specific_catalog:name specific_schema:name specific_name:name routine_catalog:name \
      routine_schema:name routine_name:name routine_type:varchar module_catalog:name \
      module_schema:name module_name:name udt_catalog:name udt_schema:name udt_name:name \
      data_type:varchar character_maximum_length:int4 character_octet_length:int4 \
      character_set_catalog:name character_set_schema:name character_set_name:name \
      collation_catalog:name collation_schema:name collation_name:name numeric_precision:int4 \
      numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 \
      interval_type:varchar interval_precision:int4 type_udt_catalog:name type_udt_schema:name \
      type_udt_name:name scope_catalog:name scope_schema:name scope_name:name \
      maximum_cardinality:int4 dtd_identifier:name routine_body:varchar \
      routine_definition:varchar external_name:varchar external_language:varchar \
      parameter_style:varchar is_deterministic:varchar/7 sql_data_access:varchar \
      is_null_call:varchar/7 sql_path:varchar schema_level_routine:varchar/7 \
      max_dynamic_result_sets:int4 is_user_defined_cast:varchar/7 \
      is_implicitly_invocable:varchar/7 security_type:varchar to_sql_specific_catalog:name \
      to_sql_specific_schema:name to_sql_specific_name:name as_locator:varchar/7 \
      created:timestamptz last_altered:timestamptz new_savepoint_level:varchar/7 \
      is_udt_dependent:varchar/7 result_cast_from_data_type:varchar \
      result_cast_as_locator:varchar/7 result_cast_char_max_length:int4 \
      result_cast_char_octet_length:int4 result_cast_char_set_catalog:name \
      result_cast_char_set_schema:name result_cast_char_set_name:name \
      result_cast_collation_catalog:name result_cast_collation_schema:name \
      result_cast_collation_name:name result_cast_numeric_precision:int4 \
      result_cast_numeric_precision_radix:int4 result_cast_numeric_scale:int4 \
      result_cast_datetime_precision:int4 result_cast_interval_type:varchar \
      result_cast_interval_precision:int4 result_cast_type_udt_catalog:name \
      result_cast_type_udt_schema:name result_cast_type_udt_name:name \
      result_cast_scope_catalog:name result_cast_scope_schema:name result_cast_scope_name:name \
      result_cast_maximum_cardinality:int4 result_cast_dtd_identifier:name"),
    ("sql_features", 13391, "\
      feature_id:varchar feature_name:varchar sub_feature_id:varchar sub_feature_name:varchar \
      is_supported:varchar/7 is_verified_by:varchar comments:varchar"),
    ("sql_implementation_info", 13396, "\
      implementation_info_id:varchar implementation_info_name:varchar integer_value:int4 \
      character_value:varchar comments:varchar"),
    ("sql_parts", 13401, "\
      feature_id:varchar feature_name:varchar is_supported:varchar/7 is_verified_by:varchar \
      comments:varchar"),
    ("sql_sizing", 13406, "\
      sizing_id:int4 sizing_name:varchar supported_value:int4 comments:varchar"),
    ("transforms", 13430, "\
      udt_catalog:name udt_schema:name udt_name:name specific_catalog:name specific_schema:name \
      specific_name:name group_name:name transform_type:varchar"),
    ("triggered_update_columns", 13435, "\
      trigger_catalog:name trigger_schema:name trigger_name:name event_object_catalog:name \
      event_object_schema:name event_object_table:name event_object_column:name"),
    ("triggers", 13440, "\
      trigger_catalog:name trigger_schema:name trigger_name:name event_manipulation:varchar \
      event_object_catalog:name event_object_schema:name event_object_table:name \
      action_order:int4 action_condition:varchar action_statement:varchar \
      action_orientation:varchar action_timing:varchar action_reference_old_table:name \
      action_reference_new_table:name action_reference_old_row:name \
      action_reference_new_row:name created:timestamptz"),
    ("udt_privileges", 13445, "\
      grantor:name grantee:name udt_catalog:name udt_schema:name udt_name:name \
      privilege_type:varchar is_grantable:varchar/7"),
    ("user_defined_types", 13463, "\
      user_defined_type_catalog:name user_defined_type_schema:name user_defined_type_name:name \
      user_defined_type_category:varchar is_instantiable:varchar/7 is_final:varchar/7 \
      ordering_form:varchar ordering_category:varchar ordering_routine_catalog:name \
      ordering_routine_schema:name ordering_routine_name:name reference_type:varchar \
      data_type:varchar character_maximum_length:int4 character_octet_length:int4 \
      character_set_catalog:name character_set_schema:name character_set_name:name \
      collation_catalog:name collation_schema:name collation_name:name numeric_precision:int4 \
      numeric_precision_radix:int4 numeric_scale:int4 datetime_precision:int4 \
      interval_type:varchar interval_precision:int4 source_dtd_identifier:name \
      ref_dtd_identifier:name"),
    ("user_mapping_options", 13550, "\
      authorization_identifier:name foreign_server_catalog:name foreign_server_name:name \
      option_name:name option_value:varchar"),
    ("user_mappings", 13555, "\
      authorization_identifier:name foreign_server_catalog:name foreign_server_name:name"),
    ("view_column_usage", 13468, "\
      view_catalog:name view_schema:name view_name:name table_catalog:name table_schema:name \
      table_name:name column_name:name"),
    ("view_routine_usage", 13473, "\
      table_catalog:name table_schema:name table_name:name specific_catalog:name \
      specific_schema:name specific_name:name"),
];

/// Their definitions.
pub(super) fn definitions() -> impl Iterator<Item = Definition> {
    EMPTY.iter().map(|&(name, oid, columns)| Definition {
        name,
        oid,
        columns,
        ..Definition::VIEW
    })
}
